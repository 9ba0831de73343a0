// Ages of what is older than the process, on the monotonic clock.
#ifndef TCPTOOL_SERVER_BASE_STEADY_TIME_H_
#define TCPTOOL_SERVER_BASE_STEADY_TIME_H_

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "dataplane/base/clock.h"

namespace tcptool::server {

// What the monotonic clock had at the wall clock's `then`, by what the two have
// now. Later steps of the wall clock do not change the age of what has it. A
// `then` in the future is taken for now.
inline dataplane::Clock::time_point SteadyTimeOf(absl::Time then) {
  const absl::Duration age = std::max(absl::Now() - then, absl::ZeroDuration());
  return dataplane::Clock::now() - absl::ToChronoNanoseconds(age);
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_STEADY_TIME_H_
