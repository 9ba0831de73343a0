// A call of another node's PeerService that has one answer.
#ifndef TCPTOOL_SERVER_PEERS_UNARY_PEER_CALL_H_
#define TCPTOOL_SERVER_PEERS_UNARY_PEER_CALL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tcptool/peer/v1/peer_service.grpc.pb.h"

namespace tcptool::server {

// One that can be cancelled.
class OpenPeerCall {
 public:
  virtual ~OpenPeerCall() = default;
  // Any thread, and none of gRPC's.
  void Cancel() { context_.TryCancel(); }

 protected:
  grpc::ClientContext context_;
};

// Keeps itself alive until gRPC is done with it.
template <typename Request, typename Response>
class UnaryPeerCall final : public OpenPeerCall {
 public:
  using Method =
      void (peer::v1::PeerService::StubInterface::async_interface::*)(
          grpc::ClientContext*, const Request*, Response*,
          std::function<void(grpc::Status)>);
  // Called on a thread of gRPC's, when that is done with the call. Null: it has
  // failed.
  using OnDone = std::function<void(std::shared_ptr<UnaryPeerCall>,
                                    const Response* response)>;

  // It ends within `timeout`. `token`: the bearer token that is shown; empty:
  // none.
  UnaryPeerCall(const std::shared_ptr<grpc::Channel>& channel,
                const std::string& token, Request request,
                std::chrono::milliseconds timeout)
      : stub_(peer::v1::PeerService::NewStub(channel)),
        request_(std::move(request)) {
    context_.set_deadline(std::chrono::system_clock::now() + timeout);
    if (!token.empty()) {
      context_.AddMetadata("authorization", absl::StrCat("Bearer ", token));
    }
  }

  // Once.
  static void Start(const std::shared_ptr<UnaryPeerCall>& call, Method method,
                    OnDone on_done) {
    peer::v1::PeerService::StubInterface::async_interface* const stub =
        call->stub_->async();
    (stub->*method)(
        &call->context_, &call->request_, &call->response_,
        // A copy that can be moved from: nothing is left of it on the thread.
        [kept = call,
         on_done = std::move(on_done)](const grpc::Status& status) mutable {
          const Response* const response =
              status.ok() ? &kept->response_ : nullptr;
          on_done(std::move(kept), response);
        });
  }

 private:
  const std::unique_ptr<peer::v1::PeerService::Stub> stub_;
  const Request request_;
  Response response_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_UNARY_PEER_CALL_H_
