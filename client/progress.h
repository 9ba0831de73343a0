// The sender's line of progress.
#ifndef TCPTOOL_CLIENT_PROGRESS_H_
#define TCPTOOL_CLIENT_PROGRESS_H_

#include "absl/time/time.h"
#include "client/diagnostics.h"
#include "dataplane/state.h"

namespace tcptool::client {

// Not for several threads.
class Progress {
 public:
  explicit Progress(Diagnostics& diagnostics);

  // Shows where the session stands: on a terminal each time, elsewhere every 5
  // s. Nothing while it waits, or if progress is not wanted.
  void Show(const dataplane::SessionStatus& session);

 private:
  Diagnostics& diagnostics_;
  const absl::Duration interval_;
  absl::Time next_ = absl::InfinitePast();
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_PROGRESS_H_
