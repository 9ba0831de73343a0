#include "dataplane/sending/progress.h"

#include <algorithm>

namespace tcptool::dataplane {

Progress::Progress(Clock::duration timeout, uint64_t rate,
                   Clock::time_point now)
    : timeout_(timeout), since_(now) {
  if (rate == 0) return;
  const double sent = std::chrono::duration<double>(timeout).count() *
                      static_cast<double>(rate);
  if (sent / 2 < static_cast<double>(kFloor)) {
    floor_ = std::max<uint64_t>(1, static_cast<uint64_t>(sent / 2));
  }
}

void Progress::Update(uint64_t sent, uint64_t acknowledged,
                      Clock::time_point now) {
  if (acknowledged < goal_) return;
  goal_ = std::min(acknowledged + floor_, sent);
  since_ = now;
}

}  // namespace tcptool::dataplane
