// A call of a method with one request, by gRPC within the process.
#ifndef TCPTOOL_SERVER_CONNECT_IN_PROCESS_CALL_H_
#define TCPTOOL_SERVER_CONNECT_IN_PROCESS_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/vouched_peers.h"

namespace tcptool::server {

// Any thread may call any method. Lives until the call has ended.
class InProcessCall
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  struct Request {
    std::string path;     // "/package.Service/Method"
    std::string message;  // As gRPC has it.
    // Of the metadata: printable ASCII; empty: none.
    std::string authorization;
    std::optional<std::chrono::milliseconds> timeout;
  };
  // On gRPC's threads, one after the other.
  struct Events {
    // The next one comes after Next(); till then the service has to wait.
    std::function<void(std::string message)> on_message;
    // The last call.
    std::function<void(const grpc::Status&)> on_end;
  };

  static std::shared_ptr<InProcessCall> Start(grpc::GenericStub& stub,
                                              VouchedPeers::Voucher caller,
                                              const Request& request,
                                              Events events);

  // After each message, once.
  void Next();
  // Ends the call soon; its end is told all the same, and no message that comes
  // after this.
  void Cancel();

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  InProcessCall(VouchedPeers::Voucher caller, const Request& request,
                Events events);

  const VouchedPeers::Voucher caller_;
  const Events events_;
  const grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::shared_ptr<InProcessCall> self_;  // gRPC's, until OnDone().
  absl::Mutex mutex_;
  std::unique_ptr<grpc::ClientContext> context_
      ABSL_GUARDED_BY(mutex_);  // Null: it has ended.
  // A message was told, and Next() was not called.
  bool waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_CONNECT_IN_PROCESS_CALL_H_
