// A call of another node's PeerService.Follow.
#ifndef TCPTOOL_SERVER_PEERS_FOLLOW_CLIENT_H_
#define TCPTOOL_SERVER_PEERS_FOLLOW_CLIENT_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "tcptool/peer/v1/peer_service.grpc.pb.h"

namespace tcptool::server {

// Reads one message at a time: a node that says much is read as fast as Next()
// is called. Keeps itself alive until gRPC is done with it.
class FollowClient : public grpc::ClientReadReactor<peer::v1::FollowResponse> {
 public:
  // Called on threads of gRPC's: they must not block, nor call Cancel().
  struct Handlers {
    // Next() asks for another one.
    std::function<void(peer::v1::FollowResponse)> on_message;
    // The last of these two. The message is printable and has at most 500
    // columns, whatever the node has said: it comes into messages, where other
    // bytes than UTF-8 would make the whole unreadable for clients.
    std::function<void(absl::Status)> on_end;
    // gRPC is done with the client. It is called after Cancel() too.
    std::function<void(std::shared_ptr<FollowClient>)> on_done;
  };

  // `token`: the bearer token that is shown; empty: none.
  static std::shared_ptr<FollowClient> Start(
      const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
      peer::v1::FollowRequest request, Handlers handlers);

  // Reads the next message. Not before on_message; any thread.
  void Next();
  // When this returns, neither on_message nor on_end runs, and none will be
  // called.
  void Cancel();

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  FollowClient(const std::shared_ptr<grpc::Channel>& channel,
               peer::v1::FollowRequest request, Handlers handlers)
      : stub_(peer::v1::PeerService::NewStub(channel)),
        request_(std::move(request)),
        on_done_(std::move(handlers.on_done)),
        on_message_(std::move(handlers.on_message)),
        on_end_(std::move(handlers.on_end)) {}

  const std::unique_ptr<peer::v1::PeerService::Stub> stub_;
  grpc::ClientContext context_;
  const peer::v1::FollowRequest request_;
  const std::function<void(std::shared_ptr<FollowClient>)> on_done_;
  peer::v1::FollowResponse response_;   // gRPC's while it reads.
  std::shared_ptr<FollowClient> self_;  // Until OnDone().
  absl::Mutex mutex_;
  // Null after Cancel().
  std::function<void(peer::v1::FollowResponse)> on_message_
      ABSL_GUARDED_BY(mutex_);
  std::function<void(absl::Status)> on_end_ ABSL_GUARDED_BY(mutex_);
  // Nothing is read until Next(); gRPC is held, so that it takes a read then.
  bool pauses_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_FOLLOW_CLIENT_H_
