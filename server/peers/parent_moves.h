// Which nodes receptions have left for others.
#ifndef TCPTOOL_SERVER_PEERS_PARENT_MOVES_H_
#define TCPTOOL_SERVER_PEERS_PARENT_MOVES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tcptool::server {

// A reception receives from another node than it did, or was to.
struct ParentMove {
  std::string from;  // HOST:PORT of the peer addresses.
  std::string to;
  std::string reason;  // For people: why it has left `from`.
  // Whether `from` is at fault: it is not if it has nobody to receive from
  // itself, or if others are wanted to send in its place.
  bool is_fault = true;
  uint64_t offset = 0;  // From which on `to` sends, in bytes.
  absl::Time time;
};

// Holds them until whoever has asked for those of a reception takes them. Any
// thread may call any method.
class ParentMoves {
 public:
  static constexpr size_t kMost = 8;  // Of a reception; the last ones.
  using Moves = std::deque<ParentMove>;

  // From now on, of "receptions/{reception}".
  void Expect(const std::string& reception) {
    absl::MutexLock lock(&mutex_);
    moves_.try_emplace(reception);
  }
  // No more, and what was not taken is gone.
  void Forget(const std::string& reception) {
    absl::MutexLock lock(&mutex_);
    moves_.erase(reception);
  }
  // No effect if nobody expects it.
  void Add(const std::string& reception, ParentMove move) {
    absl::MutexLock lock(&mutex_);
    const auto found = moves_.find(reception);
    if (found == moves_.end()) return;
    if (found->second.size() == kMost) found->second.pop_front();
    found->second.push_back(std::move(move));
  }
  // The oldest first; those that were not taken before.
  Moves Take(const std::string& reception) {
    absl::MutexLock lock(&mutex_);
    const auto found = moves_.find(reception);
    if (found == moves_.end()) return {};
    return std::exchange(found->second, {});
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, Moves> moves_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PARENT_MOVES_H_
