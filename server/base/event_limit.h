// Keeps an event that peers can cause to some lines of the log a second.
#ifndef TCPTOOL_SERVER_BASE_EVENT_LIMIT_H_
#define TCPTOOL_SERVER_BASE_EVENT_LIMIT_H_

#include <chrono>
#include <cstdint>
#include <utility>

#include "dataplane/base/clock.h"

namespace tcptool::server {

// Counts what is not logged; who uses it logs the count, by a line of its own.
// Needs a lock around it, if several threads use it.
class EventLimit {
 public:
  explicit EventLimit(int lines_per_second = 1) : lines_(lines_per_second) {}

  // Whether the event is to be logged now. If not, it is counted.
  bool Allows() {
    const auto now = dataplane::Clock::now();
    if (now - began_ >= kInterval) {
      began_ = now;
      used_ = 0;
    }
    if (used_ == lines_) {
      ++untold_;
      return false;
    }
    ++used_;
    return true;
  }

  // About once a second: how many were counted since; if that is not 0, it is
  // to be logged, and that line counts as one.
  uint64_t TakeUntold() {
    if (untold_ == 0) return 0;
    began_ = dataplane::Clock::now();
    used_ = 1;
    return std::exchange(untold_, 0);
  }

 private:
  static constexpr auto kInterval = std::chrono::seconds(1);

  const int lines_;
  int used_ = 0;  // In the second from began_ on.
  dataplane::Clock::time_point began_;
  uint64_t untold_ = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_EVENT_LIMIT_H_
