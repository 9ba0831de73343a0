// For how long a call that goes on for hours is begun again.
#ifndef TCPTOOL_CLIENT_API_RECONNECTION_H_
#define TCPTOOL_CLIENT_API_RECONNECTION_H_

#include <chrono>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace tcptool {

// Of one call, which is made again and again. Not thread-safe.
class Reconnection {
 public:
  // `patience`: how long the service may be away at a time.
  explicit Reconnection(absl::Duration patience) : patience_(patience) {}

  // The service has answered.
  void Heard() {
    was_heard_ = true;
    lost_.reset();
  }

  // The call has ended with this error. True, after a pause: its connection was
  // lost, and it is to be begun again. False: the service has said so, was
  // never heard, or has been away for too long.
  bool TriesAgainAfter(const absl::Status& error);

 private:
  const absl::Duration patience_;
  bool was_heard_ = false;
  // When the first call ended after the service was heard last.
  std::optional<std::chrono::steady_clock::time_point> lost_;
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_API_RECONNECTION_H_
