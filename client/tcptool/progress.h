// The line of progress of a sender or a recipient.
#ifndef TCPTOOL_CLIENT_TCPTOOL_PROGRESS_H_
#define TCPTOOL_CLIENT_TCPTOOL_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "client/tcptool/diagnostics.h"
#include "dataplane/base/state.h"

namespace tcptool::client {

// Not for several threads.
class Progress {
 public:
  explicit Progress(Diagnostics& diagnostics);

  // Show where the transfer stands, where a line can be drawn again four times
  // a second, elsewhere every 5 s, if progress is wanted. Rates and what is
  // left are of the whole transfer's mean.

  // A sender's, and how it ended; nothing while the session waits.
  void Show(const dataplane::SessionStatus& session);
  // A recipient's, which has so many bytes; counts the time from the first
  // call.
  void Show(uint64_t received_bytes);

 private:
  // Of the day is what somebody may set meanwhile.
  using Clock = std::chrono::steady_clock;

  bool IsDue(Clock::time_point now) const {
    return diagnostics_.Wants(Level::kProgress) && now >= next_;
  }

  Diagnostics& diagnostics_;
  const Clock::duration interval_;
  // Not set: nothing has been transferred yet.
  std::optional<Clock::time_point> start_;
  Clock::time_point next_ = Clock::time_point::min();
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_PROGRESS_H_
