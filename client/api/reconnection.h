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
    loss_ = absl::OkStatus();
  }

  // The call has ended with this error. True, after a pause: its connection was
  // lost, and it is to be begun again. False: the service has said so, was
  // never heard, or has been away for too long.
  bool TriesAgainAfter(const absl::Status& error);

  // What to tell a user whose call has ended with this error for good. Whether
  // a call to a service that is away ends as its connection is refused, or as
  // its deadline passes while gRPC pauses before it tries again, is chance:
  // then it is the error by which the service was lost.
  absl::Status Cause(const absl::Status& error) const {
    return loss_.ok() || !absl::IsDeadlineExceeded(error) ? error : loss_;
  }

 private:
  const absl::Duration patience_;
  bool was_heard_ = false;
  // When the first call ended after the service was heard last.
  std::optional<std::chrono::steady_clock::time_point> lost_;
  // With what it ended; OK while there is no loss.
  absl::Status loss_;
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_API_RECONNECTION_H_
