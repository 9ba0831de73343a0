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
#include "dataplane/dialing/dialer.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/receiving/upstream.h"
#include "server/api/reception_spec.h"
#include "server/peers/follow_clients.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::server {

// Follows one node at a time. After whatever goes wrong it tries the next one,
// at once the first time around and with growing pauses after that, until one
// serves it, or none has for NodePlan::wait. Lives on the reception's lane.
class ParentLink : public std::enable_shared_from_this<ParentLink> {
 public:
  using Clock = std::chrono::steady_clock;
  using Done = dataplane::Upstream::Done;

  struct Timing {
    // Until the first message, which may take a disk; the API promises one each
    // 250 ms after that.
    Clock::duration first_message = std::chrono::seconds(10);
    Clock::duration silence = std::chrono::seconds(5);
    // To connect to the data port.
    Clock::duration connect = std::chrono::seconds(10);
    Clock::duration first_pause = std::chrono::milliseconds(100);
    Clock::duration longest_pause = std::chrono::seconds(2);
  };
  // How often a block may come and not be what it should be.
  static constexpr int kMostBadBlocks = 3;
  // Of a content; 16 TiB. Each digest is kept in memory.
  static constexpr uint64_t kMostBlocks = uint64_t{1} << 24;

  // Digests are taken for so many blocks more than have come, 256 GiB, so that
  // a node that lies cannot fill our memory. The others are asked for again
  // once half of these blocks have come.
  static constexpr uint64_t kMostBlocksAhead = uint64_t{1} << 18;
  // Nodes that a content comes through, one behind the other, this one
  // included, which tells those that follow it; and their names.
  static constexpr int kLongestPath = 64;
  static constexpr size_t kLongestName = 64;

  // `clients` outlives it.
  ParentLink(NodePlan plan, FollowClients& clients, const Timing& timing);

  // As those of dataplane::Upstream.
  std::vector<std::string> path() const;
  void Open(dataplane::ContentClaims& claims) { claims_ = &claims; }
  void Connect(dataplane::Lane& lane, uint64_t offset, const absl::Status& lost,
               Done done);
  void Cancel();

 private:
  struct Parent {
    NodePlan::Node node;
    // It has said that it cannot give the content.
    bool has_refused = false;
  };

  Parent& parent() { return parents_[current_]; }
  std::string NameOfParent() const;

  // Counts what was wrong at the same place, time after time. DATA_LOSS: so
  // many that nobody seems to have the right one.
  absl::Status CountBadBlocks(uint64_t offset, const absl::Status& lost);
  // Calls the current node; asks for a ticket if a connection is wanted.
  void Follow();
  void OnMessage(const peer::v1::FollowResponse& response);
  absl::Status Take(const peer::v1::FollowResponse& response);
  absl::Status TakeEnd(const peer::v1::ContentEnd& end);
  absl::Status TakeDigests(const std::string& digests);
  absl::Status TakePath(const peer::v1::Path& path);
  bool IsAhead(uint64_t blocks) const;
  void Dial(const peer::v1::Ticket& ticket);
  void OnDialed(const std::string& secret,
                absl::StatusOr<dataplane::UniqueFd> socket);
  // It does not serve: tries the next one, or gives up.
  void TryNext(absl::Status reason);
  void GiveUp(const absl::Status& reason);
  void Forget();
  // Calls TryNext() if nothing happens before.
  void WaitFor(asio::steady_timer& timer, Clock::duration time,
               const std::string& what);

  const NodePlan plan_;
  FollowClients& clients_;
  const Timing timing_;
  dataplane::ContentClaims* claims_ = nullptr;
  dataplane::Lane* lane_ = nullptr;  // From Connect() to Cancel().
  std::vector<Parent> parents_;      // The preferred one first.
  size_t current_ = 0;               // Whom it follows.
  size_t sender_ = 0;                // Whom the last connection is, or was, to.

  Done done_;  // Null: there is a connection.
  uint64_t offset_ = 0;
  uint64_t told_blocks_ = 0;     // Digests that the reception has.
  bool misses_digests_ = false;  // The node has told more of them.
  // They were asked for by a call of its own; the node may end the connection
  // that came with the call before.
  bool has_asked_again_ = false;
  // The end, until there is a connection for the proof of delivery.
  std::optional<dataplane::ContentEnd> end_;
  uint64_t bad_offset_ = 0;
  int bad_blocks_ = 0;

  std::shared_ptr<FollowClient> client_;
  uint64_t call_ = 0;  // Number of `client_`.
  bool has_ticket_ = false;
  std::shared_ptr<dataplane::Dialer> dialer_;
  std::optional<asio::steady_timer> silence_timer_;
  std::optional<asio::steady_timer> connect_timer_;
  std::optional<asio::steady_timer> pause_timer_;
  // Since when nobody has served. None: somebody does.
  std::optional<Clock::time_point> trouble_since_;
  size_t tries_ = 0;  // Since then.
  Clock::time_point connected_at_;

  mutable absl::Mutex mutex_;
  std::vector<std::string> parents_path_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PARENT_LINK_H_
