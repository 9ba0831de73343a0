#include "dataplane/sending/progress.h"

#include <algorithm>

namespace tcptool::dataplane {
namespace {

uint64_t FloorOf(Clock::duration timeout, uint64_t rate) {
  if (rate == 0) return Progress::kFloor;
  const double half = std::chrono::duration<double>(timeout).count() *
                      static_cast<double>(rate) / 2;
  if (half >= static_cast<double>(Progress::kFloor)) return Progress::kFloor;
  return std::max<uint64_t>(1, static_cast<uint64_t>(half));
}

}  // namespace

Progress::Progress(Clock::duration timeout, uint64_t rate,
                   Clock::time_point now)
    : timeout_(timeout), floor_(FloorOf(timeout, rate)), since_(now) {}

void Progress::SetRate(uint64_t rate) {
  floor_ = FloorOf(timeout_, rate);
  goal_ = std::min(goal_, acknowledged_ + floor_);
}

void Progress::Update(uint64_t sent, uint64_t acknowledged,
                      Clock::time_point now) {
  if (acknowledged < goal_) return;
  acknowledged_ = acknowledged;
  goal_ = std::min(acknowledged + floor_, sent);
  since_ = now;
}

}  // namespace tcptool::dataplane
