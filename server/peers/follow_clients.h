// The calls of other nodes' PeerService.
#ifndef TCPTOOL_SERVER_PEERS_FOLLOW_CLIENTS_H_
#define TCPTOOL_SERVER_PEERS_FOLLOW_CLIENTS_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/peers/follow_client.h"
#include "server/peers/kept_channel.h"
#include "server/peers/node_credentials.h"
#include "server/peers/unary_peer_call.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::server {

// Each of Follow has a channel of its own, and shows the credentials of its
// beginning; those of the coordinator share one.
//
// gRPC ends its threads for callbacks, and waits for them, where a process
// destroys its last channel: on one of those it would wait for itself. So the
// last one is destroyed by the destructor here. Any thread may call any method.
class FollowClients {
 public:
  explicit FollowClients(std::shared_ptr<const NodeCredentials> credentials);
  // All calls of Follow have ended or been cancelled. Cancels the others, and
  // waits until gRPC is done with all of them.
  ~FollowClients();

  const NodeCredentials& credentials() const { return *credentials_; }

  // `address`: "HOST:PORT".
  std::shared_ptr<FollowClient> Start(const std::string& address,
                                      peer::v1::FollowRequest request,
                                      FollowClient::Handlers handlers);

  // Tells a coordinator. What becomes of it is not told; it is over in 5 s.
  void Report(const std::string& address, peer::v1::ReportRatesRequest request);

  // Asks a coordinator, which has 400 ms for it. `done` is called once, on a
  // thread of gRPC's and before this is destroyed; with nothing if it has not
  // answered, or has refused.
  void GetProgress(
      const std::string& address, peer::v1::GetProgressRequest request,
      std::function<void(std::optional<peer::v1::GetProgressResponse>)> done);

 private:
  struct State;

  // `on_answer` is called as `done` of GetProgress() is.
  template <typename Request, typename Response>
  void Call(const std::string& address, Request request,
            std::chrono::milliseconds timeout,
            typename UnaryPeerCall<Request, Response>::Method method,
            std::function<void(const Response*)> on_answer);

  const std::shared_ptr<const NodeCredentials> credentials_;
  KeptChannel coordinator_;
  const std::shared_ptr<State> state_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_FOLLOW_CLIENTS_H_
