// How often watchers are shown mere progress.
#ifndef TCPTOOL_SERVER_WATCH_PROGRESS_PACE_H_
#define TCPTOOL_SERVER_WATCH_PROGRESS_PACE_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace tcptool::server {

// Progress of many recipients, told to many watchers, is work without a bound,
// and nothing is lost with less of it: whoever is told later is told the
// newest. So it is shown again when what watchers were told since the last
// time, at so many changes a second, is paid for. States are told at once,
// whatever they cost, and progress waits for them too.
class ProgressPace {
 public:
  using Clock = std::chrono::steady_clock;

  ProgressPace(double changes_per_second, Clock::time_point now)
      : changes_per_second_(changes_per_second), last_(now) {}

  // A watcher is told so many changes. Any thread.
  void Spend(int64_t changes) { spent_ += changes; }

  // Whether progress may be shown now. One thread at a time.
  bool Allows(Clock::time_point now) {
    const std::chrono::duration<double> passed = now - last_;
    last_ = now;
    const int64_t spent = spent_.exchange(0);
    balance_ = std::min(balance_ + passed.count() * changes_per_second_,
                        kSaved.count() * changes_per_second_) -
               static_cast<double>(spent);
    return balance_ >= 0;
  }

 private:
  // What was not used for longer than this is not saved up.
  static constexpr std::chrono::duration<double> kSaved{0.25};

  const double changes_per_second_;
  Clock::time_point last_;
  double balance_ = 0;
  std::atomic<int64_t> spent_{0};
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_PROGRESS_PACE_H_
