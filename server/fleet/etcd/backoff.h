// Pauses between tries.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_BACKOFF_H_
#define TCPTOOL_SERVER_FLEET_ETCD_BACKOFF_H_

#include <algorithm>
#include <chrono>
#include <random>

namespace tcptool::fleet {

// Each pause is twice the one before, up to a limit, less a part at random up
// to a half: a thousand nodes whose etcd comes back do not all come at once.
// Not thread-safe.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most,
          uint32_t seed = std::random_device()())
      : first_(first), most_(most), next_(first), random_(seed) {}

  std::chrono::milliseconds Next() {
    const std::chrono::milliseconds whole = next_;
    next_ = std::min(most_, next_ * 2);
    return whole -
           std::chrono::milliseconds(std::uniform_int_distribution<int64_t>(
               0, whole.count() / 2)(random_));
  }
  void Reset() { next_ = first_; }

 private:
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds most_;
  std::chrono::milliseconds next_;
  std::minstd_rand random_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_BACKOFF_H_
