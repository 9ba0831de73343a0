// What a reception has with the node that it receives from.
#ifndef TCPTOOL_SERVER_PEERS_PARENT_LINK_H_
#define TCPTOOL_SERVER_PEERS_PARENT_LINK_H_

#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/content/route.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/receiving/upstream.h"
#include "server/api/reception_spec.h"
#include "server/peers/data_dial.h"
#include "server/peers/fallback_search.h"
#include "server/peers/follow_clients.h"
#include "server/peers/node_call.h"
#include "server/peers/parent_choice.h"
#include "server/peers/parent_moves.h"
#include "server/peers/rate_meter.h"
#include "server/peers/told_content.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::server {

// Follows the node that ParentChoice says, and asks others when it says so.
// Lives on the reception's lane.
class ParentLink : public std::enable_shared_from_this<ParentLink> {
 public:
  using Clock = std::chrono::steady_clock;
  using Done = dataplane::Upstream::Done;

  struct Timing {
    // Until the first message, which may take a disk; the API promises one each
    // 250 ms after that.
    Clock::duration first_message = std::chrono::seconds(10);
    Clock::duration silence = std::chrono::seconds(5);
    // To connect to the data port, and to shake hands there.
    Clock::duration connect = std::chrono::seconds(10);
    ParentChoice::Timing choice;
  };

  // `clients` and `moves` outlive it.
  ParentLink(NodePlan plan, FollowClients& clients, ParentMoves& moves,
             const Timing& timing);

  // As those of dataplane::Upstream.
  dataplane::Route route() const;
  void Open(dataplane::ContentClaims& claims);
  void Connect(dataplane::Lane& lane, uint64_t offset, const absl::Status& lost,
               Done done);
  void Cancel();

  // Receives from these from now on, the preferred one first; at least one. The
  // connection that there is is kept until the preferred one, or else one of
  // the others, has shown that it has more. Any thread; no effect once it is
  // over.
  void SetNodes(std::vector<NodePlan::Node> nodes);

 private:
  const NodePlan::Node& parent() const {
    return plan_.nodes[choice_.current()];
  }
  std::string NameAsParent(size_t node) const;
  // Whether a node that has answered this is yet to begin with the content.
  static bool HasNotBegun(const NodePlan::Node& node,
                          const absl::Status& reason);
  // Takes what SetNodes() was given. On the lane.
  void TakeNodes();

  // Does what is to be done next; `reason`: what is wrong with the node that
  // was followed.
  void GoOn(const ParentChoice::Next& next, const absl::Status& reason);
  // For the digests alone.
  peer::v1::FollowRequest RequestTo(const NodePlan::Node& node) const;
  // Calls the current node; asks for a ticket if a connection is wanted.
  void Follow();
  void OnMessage(const peer::v1::FollowResponse& response);
  // Of the call to the current node.
  void OnEnd(const absl::Status& status);
  // The ticket, if one is due, and whom the content comes through.
  absl::Status TakeWay(const peer::v1::FollowResponse& response);
  absl::Status TakePath(const peer::v1::Path& path);
  void Search();
  void MoveTo(size_t node);
  // The connection that there is, for one to the current node.
  void LeaveConnection(const absl::Status& reason);
  // What is wrong with the current node when another one was searched for.
  absl::Status WhyMove() const;
  void Dial(const peer::v1::Ticket& ticket);
  void OnDialed(absl::StatusOr<dataplane::UpstreamConnection> connection);
  // It does not serve: tries the next one, or gives up.
  void TryNext(const absl::Status& reason);
  // The same, of one that has said what cannot be: leaves its connection too.
  void LeaveLiar(const absl::Status& reason);
  void GiveUp(const absl::Status& reason);
  // The same, with what was wrong with each node.
  absl::Status Summary(const absl::Status& reason) const;
  // Keeps what was wrong with a node. The same, with its name.
  absl::Status Note(size_t node, const absl::Status& reason);
  // There is a connection to the current node: if the one before was to
  // another, or to none although another was preferred, that is told.
  void TellMove();
  // How fast it comes from the node that has said this. `allowed`: see
  // ParentRate.
  void Measure(const ParentChoice::Said& said, uint64_t allowed);
  // What others are told of this node.
  void PublishStranded();
  void Forget();
  // Calls TryNext() if nothing happens before.
  void WaitFor(asio::steady_timer& timer, Clock::duration time,
               const std::string& what);

  NodePlan plan_;  // Of which the nodes may change.
  FollowClients& clients_;
  ParentMoves& moves_;
  const Timing timing_;
  dataplane::ContentClaims* claims_ = nullptr;
  dataplane::Lane* lane_ = nullptr;  // From Connect() to Cancel().
  ParentChoice choice_;
  std::vector<absl::Status> troubles_;  // What was wrong with each node.

  bool has_been_connected_ = false;
  bool leaves_for_fault_ = true;  // ParentMove::is_fault of the next move.
  Done done_;                     // Null: there is a connection.
  uint64_t offset_ = 0;
  ToldContent told_;
  RateMeter meter_;  // Of the connection to the current node.

  std::shared_ptr<NodeCall> node_call_;
  uint64_t call_ = 0;  // Number of `node_call_`.
  std::shared_ptr<FallbackSearch> search_;
  uint64_t search_number_ = 0;  // ParentChoice::search() when it began.
  bool has_ticket_ = false;
  std::shared_ptr<DataDial> dial_;
  std::optional<asio::steady_timer> silence_timer_;
  std::optional<asio::steady_timer> connect_timer_;
  std::optional<asio::steady_timer> pause_timer_;

  mutable absl::Mutex mutex_;
  std::vector<std::string> parents_path_ ABSL_GUARDED_BY(mutex_);
  bool is_stranded_ ABSL_GUARDED_BY(mutex_) = false;
  // From Connect() to Cancel(), for other threads.
  dataplane::Lane* shared_lane_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // Not taken yet; empty: there are none.
  std::vector<NodePlan::Node> new_nodes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PARENT_LINK_H_
