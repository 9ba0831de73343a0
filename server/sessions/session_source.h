// Where the bytes of a session come from.
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
  // The same, if the content is to be uploaded; otherwise none.
  std::shared_ptr<dataplane::StreamSource> upload;
};

// Opens what a spec says, which ToOptions() has found right, and calls `done`
// once: at once, or on a thread of the root's; it must not wait. An upload has
// a window of so many bytes, and waits for nothing. The errors are those of
// CreateSession, and name the field. DATA_LOSS: the file's content or inode has
// changed after `unchanged_since`, by the clock of its file system.
void OpenSource(const ContentRoots& roots, size_t window_bytes,
                const v1::SessionSpec& spec, absl::Time unchanged_since,
                std::function<void(absl::StatusOr<SessionSource>)> done);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_SOURCE_H_
