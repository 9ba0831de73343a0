// The positions of a stream's recipients: content before the slowest can be
// released, and the fastest bounds how far ahead the producer may read.
#ifndef TCPTOOL_DATAPLANE_SENDING_LAG_TRACKER_H_
#define TCPTOOL_DATAPLANE_SENDING_LAG_TRACKER_H_

#include <cstdint>
#include <limits>
#include <set>
#include <unordered_map>

namespace tcptool::dataplane {

// Positions are bytes from the content's start. Move() does not allocate. Not
// thread-safe.
class LagTracker {
 public:
  // Starts tracking `id`, which is not tracked yet.
  void Add(uint64_t id, uint64_t position);
  // `id`, which is tracked, has reached `position`.
  void Move(uint64_t id, uint64_t position);
  // No effect if `id` is not tracked.
  void Remove(uint64_t id);

  // Of those tracked now; the maximum of uint64_t if there are none.
  uint64_t slowest() const {
    return positions_.empty() ? std::numeric_limits<uint64_t>::max()
                              : *positions_.begin();
  }
  // Of all that were ever tracked.
  uint64_t fastest() const { return fastest_; }

 private:
  using Positions = std::multiset<uint64_t>;

  Positions positions_;
  std::unordered_map<uint64_t, Positions::iterator> by_id_;
  uint64_t fastest_ = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_LAG_TRACKER_H_
