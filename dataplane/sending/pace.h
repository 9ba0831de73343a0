// How far the lanes of a session are, so that one that is ahead can let another
// catch up that lacks the processor.
#ifndef TCPTOOL_DATAPLANE_SENDING_PACE_H_
#define TCPTOOL_DATAPLANE_SENDING_PACE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "dataplane/base/clock.h"

namespace tcptool::dataplane {

// Shared by the lanes. Each has a line of the processor's cache, which it alone
// writes: Set() and IsAhead() may be called on any thread, and take no lock.
class Pace {
 public:
  // A lane that is ahead pauses for so long before it looks again.
  static constexpr std::chrono::milliseconds kPause{1};
  // How far ahead a lane may be, in bytes: so much, or this part of the content
  // if that is more.
  static constexpr uint64_t kLeastLead = uint64_t{4} << 20;
  static constexpr uint64_t kLeadPart = 8;

  // `length`: the content's, in bytes; none: it is not known.
  Pace(size_t lanes, std::optional<uint64_t> length);

  // `position`, in bytes from the content's start: of a lane's fastest
  // recipient, one that has ended since included. The lane lacks the processor
  // until `lacks_until`.
  void Set(size_t lane, uint64_t position, Clock::time_point lacks_until);

  // Whether `position` is too far ahead of a lane that lacks the processor now.
  // Of one that is behind by more than twice the lead, it is not: its
  // recipients are slower, or have come later.
  bool IsAhead(uint64_t position, Clock::time_point now) const;

 private:
  struct alignas(64) Slot {
    std::atomic<uint64_t> position{0};
    std::atomic<Clock::rep> lacks_until{
        std::numeric_limits<Clock::rep>::min()};  // Since the clock's start.
  };

  const uint64_t lead_;
  std::vector<Slot> slots_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_PACE_H_
