// The clock of all time-outs.
#ifndef TCPTOOL_DATAPLANE_BASE_CLOCK_H_
#define TCPTOOL_DATAPLANE_BASE_CLOCK_H_

#include <chrono>

namespace tcptool::dataplane {

using Clock = std::chrono::steady_clock;

// `now` + `duration`, which is not negative; saturates where that overflows.
// `now` may be before the clock's start.
constexpr Clock::time_point Later(Clock::time_point now,
                                  Clock::duration duration) {
  const bool overflows =
      now > Clock::time_point() && duration > Clock::time_point::max() - now;
  return overflows ? Clock::time_point::max() : now + duration;
}

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_CLOCK_H_
