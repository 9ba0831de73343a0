#include "client/api/reconnection.h"

#include "absl/time/clock.h"

namespace tcptool {
namespace {

using std::chrono::steady_clock;

// While there is no connection, gRPC's own backoff comes on top.
constexpr absl::Duration kPause = absl::Milliseconds(500);

// Whether a call ended because of its connection, not by the service: gRPC has
// these codes for a reset of the HTTP/2 stream, by which proxies end idle ones,
// and for lost connections.
bool IsConnectionError(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsInternal(status) ||
         absl::IsCancelled(status) || absl::IsUnknown(status);
}

}  // namespace

bool Reconnection::TriesAgainAfter(const absl::Status& error) {
  if (!was_heard_ || !IsConnectionError(Cause(error))) return false;
  const steady_clock::time_point now = steady_clock::now();
  if (!lost_) {
    lost_ = now;
    loss_ = error;
  }
  if (now - *lost_ > absl::ToChronoNanoseconds(patience_)) return false;
  absl::SleepFor(kPause);
  return true;
}

}  // namespace tcptool
