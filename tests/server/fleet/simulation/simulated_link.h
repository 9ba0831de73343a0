// What a simulated node has with the one that it receives from.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_LINK_H_
#define TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_LINK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/fleet/follower/delivery_port.h"
#include "server/peers/parent_choice.h"
#include "server/peers/rate_meter.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// How a node answers who wants to follow it, or goes on to.
struct NodeAnswer {
  enum class Kind : uint8_t {
    kServes,
    kSilent,         // Its host, or the way to it, is gone.
    kGone,           // Its process.
    kNotBegun,       // It has not heard of the distribution.
    kBelow,          // It has the content by way of who asks.
    kDirectlyBelow,  // It has the content from who asks.
  };
  Kind kind = Kind::kSilent;
  // If it serves:
  uint64_t watermark = 0;
  bool is_stranded = false;
};

// In place of server::ParentLink, with whose ParentChoice and RateMeter it does
// what that does, without calls, sockets and what is said of blocks: to call a
// node, to hear from it and to connect to it takes one step.
class SimulatedLink {
 public:
  struct Events {
    // `is_new`: it is asked for the first time in a call.
    std::function<NodeAnswer(const std::string& node, bool is_new)> ask;
    // It receives from another node than it did, or was to.
    std::function<void(const v1::ParentMove&)> moved;
  };

  // `position`: how much of the content has come; outlives it.
  SimulatedLink(std::vector<SendingNode> nodes, uint64_t& position,
                Events events);

  // As ParentLink::SetNodes().
  void SetNodes(const std::vector<SendingNode>& nodes);
  // Hears from nodes, asks others, leaves them. Every 100 ms.
  void Step();
  // Of bytes from sender().
  void Received(uint64_t bytes);

  const std::string& current() const { return nodes_[choice_.current()].name; }
  bool is_connected() const { return is_connected_; }
  // If it is connected: to whom.
  const std::string& sender() const { return nodes_[choice_.sender()].name; }
  bool is_stranded() const { return choice_.is_stranded(); }
  // Nobody is asked any more.
  bool has_given_up() const { return has_given_up_; }
  // As DeliveryPort::TakeRate().
  std::optional<ReceivedRate> TakeRate();

 private:
  using Clock = std::chrono::steady_clock;
  using Choice = server::ParentChoice;

  // What was wrong with a node last.
  enum class Trouble : uint8_t { kNone, kNotBegun, kOther };

  struct Search {
    uint64_t number;
    std::optional<size_t> node;  // Whom it asks, from then on.
    Clock::time_point ask_at;
  };

  void StepCall();
  void Heard(const NodeAnswer& answer);
  void Connect();
  void Measure(const NodeAnswer& answer);
  void StepSearch();
  void BeginSearch();
  void AskNext();
  void MoveTo(size_t node);
  // `is_silence`: of one that has said nothing.
  void Failed(bool is_refusal, bool is_silence);
  // The connection is gone, or given up.
  void Reconnect(Choice::Loss loss);
  void GoOn(const Choice::Next& next);
  void CallAfter(Choice::Duration pause);

  std::vector<SendingNode> nodes_;
  std::vector<Trouble> troubles_;  // Of each.
  uint64_t& position_;
  const Events events_;
  Choice choice_;
  server::RateMeter meter_;
  std::optional<ReceivedRate> rate_;

  bool is_connected_ = false;
  Clock::time_point silent_since_;  // If it is connected.
  bool has_been_connected_ = false;
  bool leaves_for_fault_ = true;
  bool has_given_up_ = false;
  // The call to the current node.
  Clock::time_point call_at_;
  bool is_called_ = false;
  bool has_answered_ = false;
  Clock::time_point heard_at_;
  std::optional<Search> search_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_SIMULATION_SIMULATED_LINK_H_
