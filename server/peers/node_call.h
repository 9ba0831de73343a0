// A call of another node's Follow whose messages come on a lane.
#ifndef TCPTOOL_SERVER_PEERS_NODE_CALL_H_
#define TCPTOOL_SERVER_PEERS_NODE_CALL_H_

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/peers/follow_client.h"
#include "server/peers/follow_clients.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::server {

// Lives on the lane of `io`.
class NodeCall : public std::enable_shared_from_this<NodeCall> {
 public:
  // Called on the lane, and not after Cancel().
  struct Handlers {
    std::function<void(const peer::v1::FollowResponse&)> on_message;
    // Never OK. The last of these two.
    std::function<void(const absl::Status&)> on_end;
  };

  // `address`: "HOST:PORT". `io` and `clients` outlive it until Cancel().
  static std::shared_ptr<NodeCall> Start(asio::io_context& io,
                                         FollowClients& clients,
                                         const std::string& address,
                                         peer::v1::FollowRequest request,
                                         Handlers handlers);

  // The next message may come. Not before on_message.
  void Next() { client_->Next(); }
  void Cancel();

 private:
  explicit NodeCall(Handlers handlers) : handlers_(std::move(handlers)) {}

  std::shared_ptr<FollowClient> client_;
  Handlers handlers_;  // Null after Cancel().
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_NODE_CALL_H_
