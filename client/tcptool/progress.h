// The line of progress of a sender or a recipient.
#ifndef TCPTOOL_CLIENT_TCPTOOL_PROGRESS_H_
#define TCPTOOL_CLIENT_TCPTOOL_PROGRESS_H_

#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/tcptool/diagnostics.h"
#include "dataplane/base/state.h"

namespace tcptool::client {

// Not for several threads.
class Progress {
 public:
  explicit Progress(Diagnostics& diagnostics);

  // Show where the transfer stands, on a terminal four times a second,
  // elsewhere every 5 s, if progress is wanted.

  // A sender's, and how it ended; nothing while the session waits.
  void Show(const dataplane::SessionStatus& session);
  // A recipient's, which has so many bytes.
  void Show(uint64_t received_bytes);

 private:
  bool IsDue(absl::Time now) const {
    return diagnostics_.Wants(Level::kProgress) && now >= next_;
  }

  Diagnostics& diagnostics_;
  const absl::Time start_ = absl::Now();
  const absl::Duration interval_;
  absl::Time next_ = absl::InfinitePast();
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_PROGRESS_H_
