// Opens the source of a session's content.
#ifndef TCPTOOL_SERVER_SESSIONS_SESSION_SOURCE_H_
#define TCPTOOL_SERVER_SESSIONS_SESSION_SOURCE_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dataplane/content/source.h"
#include "dataplane/content/stream_source.h"
#include "server/sessions/content_roots.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

struct SessionSource {
  std::shared_ptr<dataplane::Source> source;
  // The same object if the content is uploaded, else null.
  std::shared_ptr<dataplane::StreamSource> upload;
};

// Opens the source in a spec that ToOptions() has accepted, and calls `done`
// once: before this returns, or on a thread of the root; `done` must not block.
// An upload gets a window of `window_bytes`. The errors are those of
// CreateSession, and name the field. DATA_LOSS: the file's content or inode has
// changed after `unchanged_since`, by the clock of its file system.
void OpenSource(const ContentRoots& roots, size_t window_bytes,
                const v1::SessionSpec& spec, absl::Time unchanged_since,
                std::function<void(absl::StatusOr<SessionSource>)> done);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_SOURCE_H_
