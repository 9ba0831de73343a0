// Asks other nodes whether they would be better than the one that is followed.
#ifndef TCPTOOL_SERVER_PEERS_FALLBACK_SEARCH_H_
#define TCPTOOL_SERVER_PEERS_FALLBACK_SEARCH_H_

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "server/api/reception_spec.h"
#include "server/peers/follow_clients.h"
#include "server/peers/node_call.h"
#include "server/peers/parent_choice.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::server {

// Asks those that ParentChoice names, one after the other, beside the one that
// is followed, which so keeps its connection; until one suits. Lives on the
// lane of `io`.
class FallbackSearch : public std::enable_shared_from_this<FallbackSearch> {
 public:
  // Called on the lane, and not after Stop().
  struct Handlers {
    // What a node is asked.
    std::function<peer::v1::FollowRequest(const NodePlan::Node&)> request;
    // As ContentClaims::position().
    std::function<uint64_t()> position;
    // As ToldContent::Lacks().
    std::function<bool(const peer::v1::FollowResponse&)> tells_more;
    // The search is over.
    std::function<void(size_t node)> on_found;
    // Another one is to be asked, or none is left.
    std::function<void()> on_refusal;
  };

  // `first_message`: how long a node may take to answer. What is referred to
  // outlives it until Stop().
  FallbackSearch(asio::io_context& io, FollowClients& clients,
                 const NodePlan& plan, ParentChoice& choice,
                 ParentChoice::Duration first_message, Handlers handlers);

  void Start() { AskNext(); }
  void Stop();

 private:
  void AskNext();
  void Ask(size_t node);
  void OnAnswer(size_t node, const peer::v1::FollowResponse& response);
  void OnEnd(size_t node, const absl::Status& status);
  void Choose(size_t node, const ParentChoice::Said& said);
  void OnRefusal();
  // Calls `then` unless the search is over, or waits for something else then.
  void Wait(ParentChoice::Duration time, std::function<void()> then);

  asio::io_context& io_;
  FollowClients& clients_;
  const NodePlan& plan_;
  ParentChoice& choice_;
  const ParentChoice::Duration first_message_;
  const Handlers handlers_;
  asio::steady_timer timer_;
  uint64_t wait_ = 0;  // Number of what `timer_` waits for.
  std::shared_ptr<NodeCall> call_;
};

// What a node's message says of the node.
ParentChoice::Said SaidIn(const peer::v1::FollowResponse& response);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_FALLBACK_SEARCH_H_
