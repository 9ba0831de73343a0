// A rate limit: bytes per second, in small bursts.
#ifndef TCPTOOL_DATAPLANE_BASE_TOKEN_BUCKET_H_
#define TCPTOOL_DATAPLANE_BASE_TOKEN_BUCKET_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace tcptool::dataplane {

// Not thread-safe.
class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  // The bucket holds the tokens of this much time.
  static constexpr std::chrono::milliseconds kBurst{50};

  // Bytes a second; 0: no limit.
  explicit TokenBucket(uint64_t rate) : rate_(rate) {}

  bool limited() const { return rate_ > 0; }

  // How many bytes may be sent now.
  size_t Available(Clock::time_point now) {
    if (!limited()) return std::numeric_limits<size_t>::max();
    constexpr double kBurstSeconds =
        std::chrono::duration<double>(kBurst).count();
    const double elapsed = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    tokens_ = std::min(tokens_ + elapsed * rate_,
                       std::max(1.0, kBurstSeconds * rate_));
    return static_cast<size_t>(std::max(0.0, tokens_));
  }

  void Spend(size_t bytes) {
    if (limited()) tokens_ -= static_cast<double>(bytes);
  }

 private:
  const uint64_t rate_;
  double tokens_ = 0;
  Clock::time_point last_ = Clock::now();
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_TOKEN_BUCKET_H_
