// A stream of a watch, as gRPC has it.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_WATCH_STREAM_H_
#define TCPTOOL_SERVER_FLEET_ETCD_WATCH_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "etcd/rpc.grpc.pb.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/etcd/etcd_context.h"
#include "server/fleet/etcd/open_calls.h"

namespace tcptool::fleet {

// Reads a message when the one before has been passed on, so that one at a time
// is held, however many come. Kept by the client's open calls until gRPC has
// done with it.
class WatchStream final
    : public grpc::ClientBidiReactor<etcdserverpb::WatchRequest,
                                     etcdserverpb::WatchResponse>,
      public OpenCall,
      public std::enable_shared_from_this<WatchStream> {
 public:
  WatchStream(std::shared_ptr<EtcdContext> etcd,
              const etcdserverpb::WatchCreateRequest& request,
              EtcdWatchStream::Events events);

  // On the executor's thread.
  void Start();
  // The same; after it, none of `events` is called.
  void Close();
  // Any thread.
  void Cancel() override;

 private:
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  // On the executor's thread.
  void Received();
  void Ended(const grpc::Status& status);

  const std::shared_ptr<EtcdContext> etcd_;
  const Endpoint& endpoint_;
  etcdserverpb::WatchRequest request_;
  etcdserverpb::WatchResponse response_;
  grpc::ClientContext context_;
  EtcdWatchStream::Events events_;
  bool closed_ = false;

  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // A message has been read, and no other read has begun: gRPC takes the stream
  // for in use because of the hold alone.
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_WATCH_STREAM_H_
