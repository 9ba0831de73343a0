#include "server/peers/node_call.h"

#include <asio/post.hpp>
#include <utility>

namespace tcptool::server {

std::shared_ptr<NodeCall> NodeCall::Start(asio::io_context& io,
                                          FollowClients& clients,
                                          const std::string& address,
                                          peer::v1::FollowRequest request,
                                          Handlers handlers) {
  std::shared_ptr<NodeCall> call(new NodeCall(std::move(handlers)));
  // What is queued when it is cancelled finds no handler.
  call->client_ = clients.Start(
      address, std::move(request),
      {.on_message =
           [weak = call->weak_from_this(),
            &io](peer::v1::FollowResponse response) {
             asio::post(io, [weak, response = std::move(response)] {
               const auto self = weak.lock();
               if (self == nullptr || !self->handlers_.on_message) return;
               // It may cancel the call.
               const auto on_message = self->handlers_.on_message;
               on_message(response);
             });
           },
       .on_end =
           [weak = call->weak_from_this(), &io](const absl::Status& status) {
             asio::post(io, [weak, status] {
               const auto self = weak.lock();
               if (self == nullptr || !self->handlers_.on_end) return;
               const auto on_end = self->handlers_.on_end;
               on_end(status.ok() ? absl::UnavailableError(
                                        "the node says no more of the content")
                                  : status);
             });
           }});
  return call;
}

void NodeCall::Cancel() {
  client_->Cancel();
  handlers_ = {};
}

}  // namespace tcptool::server
