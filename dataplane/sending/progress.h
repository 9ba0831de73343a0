// Detects recipients that make no progress. One that acknowledges a byte now
// and then counts as stalled: it would hold a connection, and a stream's
// window, for ever.
#ifndef TCPTOOL_DATAPLANE_SENDING_PROGRESS_H_
#define TCPTOOL_DATAPLANE_SENDING_PROGRESS_H_

#include <cstdint>

#include "dataplane/base/clock.h"

namespace tcptool::dataplane {

// One thread at a time.
class Progress {
 public:
  // The bytes that have to be acknowledged within the timeout; less if less was
  // outstanding when it began.
  static constexpr uint64_t kFloor = uint64_t{64} << 10;

  // `rate`: limit of what the recipient is sent, in bytes per second; 0: none.
  // With a limit, at most half of what it allows in the timeout is required.
  Progress(Clock::duration timeout, uint64_t rate, Clock::time_point now);

  // Another limit from now on. What was acknowledged before counts.
  void SetRate(uint64_t rate);

  // `acknowledged` of `sent` bytes are. Neither ever decreases.
  void Update(uint64_t sent, uint64_t acknowledged, Clock::time_point now);

  // The timeout has passed without enough acknowledged.
  bool Stalled(Clock::time_point now) const { return now - since_ >= timeout_; }
  // When it will be stalled, unless more is acknowledged.
  Clock::time_point deadline() const { return Later(since_, timeout_); }

 private:
  const Clock::duration timeout_;
  uint64_t floor_;
  uint64_t goal_ = 0;  // The timeout restarts at this number of bytes.
  Clock::time_point since_;
  uint64_t acknowledged_ = 0;  // Then.
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_PROGRESS_H_
