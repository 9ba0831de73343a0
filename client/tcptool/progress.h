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

  // If progress is wanted, show the state of the transfer: four times a second
  // where a line can be redrawn, elsewhere every 5 s. Rates and times left are
  // computed from the mean of the whole transfer.

  // For a sender; also how it ended. Shows nothing while the session waits.
  void Show(const dataplane::SessionStatus& session);
  // For a recipient that has this many bytes; time counts from the first call.
  void Show(uint64_t received_bytes);

 private:
  // Monotonic: the time of day may be set during a transfer.
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
