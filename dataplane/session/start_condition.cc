#include "dataplane/session/start_condition.h"

namespace tcptool::dataplane {

bool StartCondition::Holds(const Situation& situation) const {
  // An immediate session begins when it is opened, not by a condition.
  if (policy_.immediate || situation.ready == 0) return false;
  if (max_recipients_ > 0 && situation.ready >= max_recipients_) return true;
  if (situation.start_byte_seen && !policy_.ignore_start_byte) return true;
  const bool has_minimum =
      policy_.min_recipients > 0 || policy_.max_wait > absl::ZeroDuration();
  if (has_minimum && situation.max_wait_is_over &&
      situation.ready >= policy_.min_recipients) {
    return true;
  }
  return situation.all_expected_are_ready;
}

}  // namespace tcptool::dataplane
