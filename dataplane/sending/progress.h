// Whether a recipient gets on. One that acknowledges a byte now and then does
// not: it would hold a connection, and a stream's window, for as long as it
// likes.
#ifndef TCPTOOL_DATAPLANE_SENDING_PROGRESS_H_
#define TCPTOOL_DATAPLANE_SENDING_PROGRESS_H_

#include <chrono>
#include <cstdint>

namespace tcptool::dataplane {

using Clock = std::chrono::steady_clock;

// `now` + `duration`; the last time there is where that overflows.
constexpr Clock::time_point Later(Clock::time_point now,
                                  Clock::duration duration) {
  return duration > Clock::time_point::max() - now ? Clock::time_point::max()
                                                   : now + duration;
}

// One thread at a time.
class Progress {
 public:
  // So many bytes have to be acknowledged within the timeout, or all that were
  // on their way when it began, if that is less.
  static constexpr uint64_t kFloor = uint64_t{64} << 10;

  // `rate`: the bytes a second that the recipient is sent at most, 0 without
  // limit. No more than half of what is sent in the timeout is asked for.
  Progress(Clock::duration timeout, uint64_t rate, Clock::time_point now);

  // Of `sent` bytes, `acknowledged` are. Neither ever decreases.
  void Update(uint64_t sent, uint64_t acknowledged, Clock::time_point now);

  // The recipient has acknowledged less than that in the timeout.
  bool Stalled(Clock::time_point now) const { return now - since_ >= timeout_; }
  // When it will have, unless something is acknowledged.
  Clock::time_point deadline() const { return Later(since_, timeout_); }

 private:
  const Clock::duration timeout_;
  uint64_t floor_ = kFloor;
  uint64_t goal_ =
      0;  // When so many are acknowledged, the timeout begins anew.
  Clock::time_point since_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_PROGRESS_H_
