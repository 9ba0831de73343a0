// Limits the memory that all uploads hold together.
#ifndef TCPTOOL_SERVER_SESSIONS_UPLOAD_ADMISSION_H_
#define TCPTOOL_SERVER_SESSIONS_UPLOAD_ADMISSION_H_

#include <cstddef>

#include "absl/status/status.h"
#include "server/sessions/live_sessions.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// Not for several threads.
class UploadAdmission {
 public:
  // Each upload has a window of `window_bytes`, all together of `max_bytes`.
  UploadAdmission(size_t window_bytes, size_t max_bytes)
      : window_bytes_(window_bytes), max_bytes_(max_bytes) {}

  size_t window_bytes() const { return window_bytes_; }

  // Whether an upload to the session may begin. `live` is null if it is
  // finished. FAILED_PRECONDITION: its source is no upload, or was uploaded
  // already. RESOURCE_EXHAUSTED: no memory is left for its window.
  absl::Status Check(const v1::Session& session,
                     const LiveSessions::Live* live) const;
  // Reserves the memory of its window until Release().
  void Reserve(LiveSessions::Live& live);
  // The session has ended. Does nothing if it had no upload.
  void Release(const LiveSessions::Live& live) {
    reserved_bytes_ -= live.upload_bytes;
  }

 private:
  const size_t window_bytes_;
  const size_t max_bytes_;
  size_t reserved_bytes_ = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_UPLOAD_ADMISSION_H_
