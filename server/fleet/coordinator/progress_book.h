// How far the nodes of a fleet are, as they tell the coordinator.
#ifndef TCPTOOL_SERVER_FLEET_COORDINATOR_PROGRESS_BOOK_H_
#define TCPTOOL_SERVER_FLEET_COORDINATOR_PROGRESS_BOOK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/fleet/state/fleet_state.h"
#include "server/fleet/state/node_progress.h"

namespace tcptool::fleet {

// Keeps the newest of each node and distribution: while the distribution is not
// over, the node is registered and has an edge in force, and has told something
// in the last two minutes. No more than `most` of all; what is new has to wait
// then until something else is over.
//
// Has no clock. Not thread-safe.
class ProgressBook {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr size_t kMost = 100'000;
  static constexpr size_t kMostOfOne = 10'000;  // Returned of a distribution.

  explicit ProgressBook(size_t most = kMost) : most_(most) {}

  // Ignored is what is not to be kept.
  void Tell(const FleetState& state, const NodeProgress& progress, Time now);

  // Of the distribution whose spec was created at `revision`.
  std::vector<NodeProgress> Of(const FleetState& state,
                               const std::string& distribution,
                               int64_t revision, Time now);

 private:
  struct Told {
    int64_t bytes_received = 0;
    int64_t bytes_per_second = 0;
    Time time;
  };
  struct Nodes {
    int64_t revision = 0;
    std::map<std::string, Told> told;
  };

  // Forgets what is not to be kept any more.
  void Sweep(const FleetState& state, Time now);

  size_t most_;
  std::map<std::string, Nodes> distributions_;
  size_t size_ = 0;  // Of all.
  std::optional<Time> swept_at_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COORDINATOR_PROGRESS_BOOK_H_
