// How far each recipient of a stream has come: what is behind the slowest can
// be let go of, and how far ahead the producer may read depends on the fastest.
#ifndef TCPTOOL_DATAPLANE_SENDING_LAG_TRACKER_H_
#define TCPTOOL_DATAPLANE_SENDING_LAG_TRACKER_H_

#include <cstdint>
#include <limits>
#include <set>
#include <unordered_map>

namespace tcptool::dataplane {

// Positions are bytes from the content's start. Move() allocates nothing. One
// thread at a time.
class LagTracker {
 public:
  // Begins to follow `id`, which is not followed yet.
  void Add(uint64_t id, uint64_t position);
  // `id` is followed, and has come as far as `position`.
  void Move(uint64_t id, uint64_t position);
  // Does nothing to one that is not followed.
  void Remove(uint64_t id);

  // Of those that are followed now; the greatest number there is if none is.
  uint64_t slowest() const {
    return positions_.empty() ? std::numeric_limits<uint64_t>::max()
                              : *positions_.begin();
  }
  // Of all that ever were.
  uint64_t fastest() const { return fastest_; }

 private:
  using Positions = std::multiset<uint64_t>;

  Positions positions_;
  std::unordered_map<uint64_t, Positions::iterator> by_id_;
  uint64_t fastest_ = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_LAG_TRACKER_H_
