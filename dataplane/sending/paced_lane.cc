#include "dataplane/sending/paced_lane.h"

#include <algorithm>

namespace tcptool::dataplane {

bool PacedLane::MaySend(std::span<const uint64_t> positions, const Time& time) {
  const auto [slowest, fastest] =
      std::minmax_element(positions.begin(), positions.end());
  fastest_ = std::max(fastest_, *fastest);
  Advance(time);
  // One that pauses could send, and does not lack the processor.
  could_send_ = !pace_->IsAhead(*slowest, time.now);
  return could_send_;
}

void PacedLane::Rest(const Time& time) {
  Advance(time);
  could_send_ = false;
}

void PacedLane::Advance(const Time& time) {
  if (last_) {
    const Clock::duration passed = time.now - last_->now;
    const Clock::duration ran = time.processor - last_->processor;
    // The two clocks are not read in the same moment.
    const Clock::duration lacked =
        could_send_ ? std::max(passed - ran, Clock::duration::zero())
                    : Clock::duration::zero();
    patience_ = std::clamp<Clock::duration>(patience_ + kPart * lacked - passed,
                                            -kPatience, kPatience);
  }
  last_ = time;
  pace_->Set(lane_, fastest_, time.now + patience_);
}

}  // namespace tcptool::dataplane
