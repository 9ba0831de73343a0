// What receptions tell of the nodes that they receive from.
#ifndef TCPTOOL_SERVER_PEERS_PARENT_MOVES_H_
#define TCPTOOL_SERVER_PEERS_PARENT_MOVES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/peers/rate_meter.h"

namespace tcptool::server {

// A reception receives from another node than it did, or was to.
struct ParentMove {
  std::string from;  // HOST:PORT of the peer addresses.
  std::string to;
  std::string reason;  // For people: why it has left `from`.
  // Whether `from` is at fault: it is not if it has nobody to receive from
  // itself, has not begun, or if others are wanted to send in its place.
  bool is_fault = true;
  uint64_t offset = 0;  // From which on `to` sends, in bytes.
  absl::Time time;
};

// How fast a reception receives.
struct ParentRate {
  std::string parent;    // HOST:PORT of its peer address.
  RateMeter::Rate rate;  // In all, since it was taken last.
  // The least, in bytes a second, that the parent could send meanwhile at
  // least; 0: it has named no limit.
  uint64_t allowed = 0;
};

// Holds moves and rates until whoever has asked for those of a reception takes
// them. Any thread may call any method.
class ParentMoves {
 public:
  static constexpr size_t kMost = 8;  // Of a reception; the last ones.
  using Moves = std::deque<ParentMove>;

  // How many there were, of all receptions: see ParentMove::is_fault.
  struct Counts {
    uint64_t by_fault = 0;
    uint64_t by_plan = 0;
  };

  // From now on, of "receptions/{reception}".
  void Expect(const std::string& reception) {
    absl::MutexLock lock(&mutex_);
    told_.try_emplace(reception);
  }
  // No more, and what was not taken is gone.
  void Forget(const std::string& reception) {
    absl::MutexLock lock(&mutex_);
    told_.erase(reception);
  }
  // Is counted; no other effect if nobody expects it.
  void Add(const std::string& reception, ParentMove move) {
    absl::MutexLock lock(&mutex_);
    ++(move.is_fault ? counts_.by_fault : counts_.by_plan);
    const auto found = told_.find(reception);
    if (found == told_.end()) return;
    Moves& moves = found->second.moves;
    if (moves.size() == kMost) moves.pop_front();
    moves.push_back(std::move(move));
  }
  // No effect if nobody expects it. What was measured of another parent is
  // gone.
  void AddRate(const std::string& reception, const ParentRate& measured) {
    absl::MutexLock lock(&mutex_);
    const auto found = told_.find(reception);
    if (found == told_.end()) return;
    std::optional<ParentRate>& sum = found->second.rate;
    if (!sum || sum->parent != measured.parent) {
      sum = measured;
      return;
    }
    sum->rate.busy += measured.rate.busy;
    sum->rate.bytes += measured.rate.bytes;
    sum->rate.observed += measured.rate.observed;
    sum->rate.observed_bytes += measured.rate.observed_bytes;
    if (measured.allowed == 0) return;
    sum->allowed = sum->allowed == 0 ? measured.allowed
                                     : std::min(sum->allowed, measured.allowed);
  }
  // The oldest first; those that were not taken before.
  Moves Take(const std::string& reception) {
    absl::MutexLock lock(&mutex_);
    const auto found = told_.find(reception);
    if (found == told_.end()) return {};
    return std::exchange(found->second.moves, {});
  }
  // None: nothing was measured since it was taken last.
  std::optional<ParentRate> TakeRate(const std::string& reception) {
    absl::MutexLock lock(&mutex_);
    const auto found = told_.find(reception);
    if (found == told_.end()) return std::nullopt;
    return std::exchange(found->second.rate, std::nullopt);
  }
  Counts Count() const {
    absl::MutexLock lock(&mutex_);
    return counts_;
  }

 private:
  struct Told {
    Moves moves;
    std::optional<ParentRate> rate;
  };

  mutable absl::Mutex mutex_;
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Told> told_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PARENT_MOVES_H_
