// One lane's part in keeping the lanes of a session level.
#ifndef TCPTOOL_DATAPLANE_SENDING_PACED_LANE_H_
#define TCPTOOL_DATAPLANE_SENDING_PACED_LANE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "dataplane/base/clock.h"
#include "dataplane/sending/pace.h"

namespace tcptool::dataplane {

// A lane is waited for if it lacks the processor, and not if its recipients are
// slow. It lacks the processor while it could send, and its thread does not
// run. A lane whose recipients are slow, stalled or limited by a rate waits for
// room in their sockets: it could not send. One that has other sessions to send
// runs.
//
// Lives on its lane's thread.
class PacedLane {
 public:
  // A lane lacks the processor that does not get it in more than this part of
  // the time.
  static constexpr int kPart = 8;
  // So long a lane is waited for that lacks it no more, or has been heard of no
  // more. One that does not get it at all is waited for after a seventh of
  // this: an interruption by another thread is shorter.
  static constexpr std::chrono::milliseconds kPatience{50};

  struct Time {
    Clock::time_point now;
    Clock::duration processor;  // That the lane's thread has had so far.
  };

  // The lane's number in `pace`.
  PacedLane(std::shared_ptr<Pace> pace, size_t lane)
      : pace_(std::move(pace)), lane_(lane) {}

  // The lane could send to recipients at these positions, one at least. False:
  // all of them are too far ahead of another lane, which is to be let catch up:
  // ask again after Pace::kPause.
  bool MaySend(std::span<const uint64_t> positions, const Time& time);
  // The lane has sent, and now has nobody to send to until MaySend() is called
  // again.
  void Rest(const Time& time);

 private:
  // Takes into account what has passed since the last call.
  void Advance(const Time& time);

  const std::shared_ptr<Pace> pace_;
  const size_t lane_;
  std::optional<Time> last_;
  bool could_send_ = false;  // From `last_` on.
  uint64_t fastest_ = 0;
  // For how long from `last_` on others should wait for it, if it is above 0.
  Clock::duration patience_ = -kPatience;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_PACED_LANE_H_
