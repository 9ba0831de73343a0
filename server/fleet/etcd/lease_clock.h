// Until when a lease is held, by the clock of who holds it.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_LEASE_CLOCK_H_
#define TCPTOOL_SERVER_FLEET_ETCD_LEASE_CLOCK_H_

#include <chrono>

#include "dataplane/base/clock.h"

namespace tcptool::fleet {

// etcd counts a lease's time to live from when it carried out the grant or the
// renewal, which was after that was sent. So the holder, who counts from then,
// is always earlier; and takes a tenth off, for clocks that differ and timers
// that are late. Not thread-safe.
class LeaseClock {
 public:
  using TimePoint = dataplane::Clock::time_point;

  // A grant or a renewal that was sent then has been answered. An answer that
  // comes late does not shorten what a later request was given.
  void Extend(TimePoint sent, std::chrono::milliseconds time_to_live) {
    const TimePoint ends = sent + time_to_live - time_to_live / 10;
    if (ends <= ends_) return;
    ends_ = ends;
    next_ = sent + time_to_live / 3;
    pause_ = time_to_live / 10;
  }
  // A renewal has failed: there is to be another soon.
  void Failed(TimePoint now) { next_ = now + pause_; }

  bool IsHeld(TimePoint now) const { return now < ends_; }
  // From then on it is lost, unless it is renewed before.
  TimePoint ends() const { return ends_; }
  TimePoint next_renewal() const { return next_; }

 private:
  TimePoint ends_ = TimePoint::min();
  TimePoint next_ = TimePoint::min();
  std::chrono::milliseconds pause_{};
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_LEASE_CLOCK_H_
