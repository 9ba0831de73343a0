// How often watchers are shown mere progress.
#ifndef TCPTOOL_SERVER_WATCH_PROGRESS_PACE_H_
#define TCPTOOL_SERVER_WATCH_PROGRESS_PACE_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::server {

// A token bucket, whose tokens are changes sent to watchers: it is filled at a
// constant rate, and each change that a watcher is sent takes a token, so the
// level may become negative. Progress is published only while it is not.
// Changes of state are sent at once, whatever the level, and take tokens too.
//
// Without it, the progress of many recipients, sent to many watchers, would be
// work without a bound. Progress that waits is merged, not lost.
class ProgressPace {
 public:
  using Clock = std::chrono::steady_clock;

  ProgressPace(double changes_per_second, Clock::time_point now)
      : changes_per_second_(changes_per_second), last_(now) {}

  // A watcher is sent this many changes. Any thread.
  void Spend(int64_t changes) { spent_ += changes; }

  // Whether progress may be published now. Any thread.
  bool Allows(Clock::time_point now) {
    absl::MutexLock lock(&mutex_);
    const std::chrono::duration<double> passed = now - last_;
    last_ = now;
    const int64_t spent = spent_.exchange(0);
    tokens_ = std::min(tokens_ + passed.count() * changes_per_second_,
                       kBurst.count() * changes_per_second_) -
              static_cast<double>(spent);
    return tokens_ >= 0;
  }

 private:
  // The bucket holds the tokens of this much time.
  static constexpr std::chrono::duration<double> kBurst{0.25};

  const double changes_per_second_;
  absl::Mutex mutex_;
  Clock::time_point last_ ABSL_GUARDED_BY(mutex_);
  double tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<int64_t> spent_{0};
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_PROGRESS_PACE_H_
