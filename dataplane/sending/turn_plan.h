// Which recipient is sent how much in a turn of a fan-out. Recipients of equal
// speed are kept within a block of each other, so that they share blocks in the
// processor's cache.
#ifndef TCPTOOL_DATAPLANE_SENDING_TURN_PLAN_H_
#define TCPTOOL_DATAPLANE_SENDING_TURN_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tcptool::dataplane {

struct TurnPlan {
  // Recipients per turn; the others wait for the next one.
  static constexpr size_t kMostRecipients = 64;
  // Bytes per turn, a few ms, so that the lane's other sessions get theirs.
  static constexpr size_t kMostBytes = size_t{16} << 20;
  // A recipient that is behind another by at most this catches up with it: both
  // then need the same block while it is in the cache. One that is further
  // behind is slower, or has come later.
  static constexpr uint64_t kReach = uint64_t{8} << 20;
  // The first piece that a recipient is sent is small, so that the last of a
  // thousand does not wait for a whole block to each of the others.
  static constexpr size_t kFirstPiece = size_t{64} << 10;
  // The smallest piece where a rate is shared: below this, the system call
  // costs more than the copy.
  static constexpr size_t kLeastShare = size_t{16} << 10;

  struct Step {
    size_t recipient = 0;  // Index in the queue.
    // It gets one piece of this size, and more pieces, of `share`, until its
    // position is `goal`.
    size_t first = 0;
    uint64_t goal = 0;
  };
  std::vector<Step> steps;  // In this order: those furthest behind come first.
  size_t share = 0;         // Bytes.
  size_t most = 0;          // Bytes, over all steps.

  // Plans a turn for a queue of `queued` recipients. `positions`: where the
  // first kMostRecipients of them are in the content. `budget`: how many bytes
  // may be sent now. `rate_limited`: each gets one piece at most, so that the
  // rate is shared equally. Reuses the memory of the previous plan.
  void Make(std::span<const uint64_t> positions, size_t queued, size_t budget,
            bool rate_limited);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_TURN_PLAN_H_
