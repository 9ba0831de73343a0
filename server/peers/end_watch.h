// Says when the end of a content is so near that it is worth looking often.
#ifndef TCPTOOL_SERVER_PEERS_END_WATCH_H_
#define TCPTOOL_SERVER_PEERS_END_WATCH_H_

#include <chrono>
#include <cstdint>

#include "dataplane/receiving/manifest.h"

namespace tcptool::server {

// What has stopped before its end, as nothing comes or nothing is sent yet, may
// do so for hours.
class EndWatch {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds kPatience{1};

  // Of a content of `length` bytes, whose end is not known, `available` can be
  // sent now: all but the last block at least, and less until kPatience ago.
  bool IsNear(uint64_t available, uint64_t length, Clock::time_point now) {
    if (available != available_) {
      available_ = available;
      changed_ = now;
    }
    return available > 0 && available + dataplane::kManifestBlock >= length &&
           now - changed_ < kPatience;
  }

 private:
  uint64_t available_ = 0;
  Clock::time_point changed_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_END_WATCH_H_
