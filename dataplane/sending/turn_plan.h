// Who gets how much in one turn of a fan-out. Recipients of equal speed are
// kept within a block of each other, so that they find it in the processor's
// cache.
#ifndef TCPTOOL_DATAPLANE_SENDING_TURN_PLAN_H_
#define TCPTOOL_DATAPLANE_SENDING_TURN_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tcptool::dataplane {

struct TurnPlan {
  // More recipients wait for the next turn.
  static constexpr size_t kMostRecipients = 64;
  // More bytes do, so that the lane's other sessions get theirs: a few ms.
  static constexpr size_t kMostBytes = size_t{16} << 20;
  // One that is behind another by no more than this catches up with it: both
  // then want the same block while it is in the cache. Who is further behind is
  // slower, or came later.
  static constexpr uint64_t kReach = uint64_t{8} << 20;
  // What a recipient gets first of all, so that the last of a thousand does not
  // wait for a whole block to each of the others.
  static constexpr size_t kFirstPiece = size_t{64} << 10;
  // A piece is at least as large where a rate is shared by many: a system call
  // costs as much as this takes to copy.
  static constexpr size_t kLeastShare = size_t{16} << 10;

  struct Step {
    size_t recipient = 0;  // Its place in the queue.
    // It gets one piece of this size, and more pieces, of `share`, until its
    // position is `goal`.
    size_t first = 0;
    uint64_t goal = 0;
  };
  std::vector<Step> steps;  // In this order: those furthest behind come first.
  size_t share = 0;         // Bytes.
  size_t most = 0;          // Bytes, over all steps.

  // Makes the plan for a queue of `queued` recipients. `positions`: where the
  // first of them are in the content; those beyond kMostRecipients are not
  // looked at. `budget`: how many bytes may go out now. `rate_limited`: nobody
  // gets more than one piece, so that the rate is shared in equal parts. Uses
  // the memory of the plan before.
  void Make(std::span<const uint64_t> positions, size_t queued, size_t budget,
            bool rate_limited);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_TURN_PLAN_H_
