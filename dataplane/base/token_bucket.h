// A rate limit: bytes per second, in small bursts.
#ifndef TCPTOOL_DATAPLANE_BASE_TOKEN_BUCKET_H_
#define TCPTOOL_DATAPLANE_BASE_TOKEN_BUCKET_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::dataplane {

// Any thread may call any method. Those that spend at the same time may spend
// the same tokens; the bucket then owes them, and has none for as long, but for
// kMostDebt at most: what was begun at a high rate, or at none, would take days
// to pay at a low one.
class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  // The bucket holds the tokens of this much time.
  static constexpr std::chrono::milliseconds kBurst{50};
  static constexpr std::chrono::seconds kMostDebt{1};

  // Bytes a second; 0: no limit.
  explicit TokenBucket(uint64_t rate) : rate_(rate) {}

  // Another rate from now on; what is in the bucket stays, as far as the rate
  // allows so much.
  void SetRate(uint64_t rate, Clock::time_point now) {
    absl::MutexLock lock(&mutex_);
    if (limited()) {
      Fill(now);
    } else {
      tokens_ = 0;
      last_ = now;
    }
    rate_ = rate;
  }

  bool limited() const { return rate_ > 0; }

  // How many bytes may be sent now.
  size_t Available(Clock::time_point now) {
    if (!limited()) return std::numeric_limits<size_t>::max();
    absl::MutexLock lock(&mutex_);
    Fill(now);
    return static_cast<size_t>(std::max(0.0, tokens_));
  }

  void Spend(size_t bytes) {
    if (!limited()) return;
    absl::MutexLock lock(&mutex_);
    tokens_ -= static_cast<double>(bytes);
  }

 private:
  void Fill(Clock::time_point now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    constexpr double kBurstSeconds =
        std::chrono::duration<double>(kBurst).count();
    const auto rate = static_cast<double>(rate_.load());
    // Another thread's `now` may be later.
    const double elapsed =
        std::max(0.0, std::chrono::duration<double>(now - last_).count());
    last_ = std::max(last_, now);
    const double most_debt =
        std::chrono::duration<double>(kMostDebt).count() * rate;
    tokens_ = std::clamp(tokens_ + elapsed * rate, -most_debt,
                         std::max(1.0, kBurstSeconds * rate));
  }

  std::atomic<uint64_t> rate_;
  absl::Mutex mutex_;
  double tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  Clock::time_point last_ ABSL_GUARDED_BY(mutex_) = Clock::now();
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_TOKEN_BUCKET_H_
