// How fast a recipient must be, and how fast it may be.
#ifndef TCPTOOL_DATAPLANE_SENDING_LIMITS_H_
#define TCPTOOL_DATAPLANE_SENDING_LIMITS_H_

#include <cstdint>

#include "absl/time/time.h"

namespace tcptool::dataplane {

struct Limits {
  // From connection to start byte.
  absl::Duration handshake_timeout = absl::Seconds(10);
  // A recipient that acknowledges nothing for so long, although there is
  // something to acknowledge, has STALLED.
  absl::Duration stall_timeout = absl::Seconds(60);
  // After the last byte: how long without a sign of progress until delivery
  // counts as UNCONFIRMED.
  absl::Duration confirm_timeout = absl::Seconds(30);
  // Streams: how far a recipient may be behind the fastest. 0: no limit but the
  // window.
  uint64_t max_lag_bytes = 0;
  // 0: no limit.
  uint64_t recipient_bytes_per_second = 0;
  uint64_t session_bytes_per_second = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_LIMITS_H_
