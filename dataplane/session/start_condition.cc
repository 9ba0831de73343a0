#include "dataplane/session/start_condition.h"

namespace tcptool::dataplane {

StartCondition::Verdict StartCondition::Check(
    const Situation& situation) const {
  // An immediate session begins when it is opened, not by a condition.
  if (policy_.immediate || situation.ready == 0) return Verdict::kWait;
  if (situation.start_byte_seen && !policy_.ignore_start_byte) {
    return Verdict::kStart;
  }
  const bool is_full =
      max_recipients_ > 0 && situation.ready >= max_recipients_;
  const bool has_minimum =
      policy_.min_recipients > 0 || policy_.max_wait > absl::ZeroDuration();
  const bool minimum_is_reached = has_minimum && situation.max_wait_is_over &&
                                  situation.ready >= policy_.min_recipients;
  return is_full || minimum_is_reached || situation.all_expected_are_ready
             ? Verdict::kStartIfAlive
             : Verdict::kWait;
}

}  // namespace tcptool::dataplane
