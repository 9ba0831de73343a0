// Opens the source of a session's content.
#ifndef TCPTOOL_SERVER_SESSIONS_SESSION_SOURCE_H_
#define TCPTOOL_SERVER_SESSIONS_SESSION_SOURCE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dataplane/content/source.h"
#include "dataplane/content/stream_source.h"
#include "dataplane/engine/engine.h"
#include "server/sessions/content_roots.h"
#include "server/sessions/received_content.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

struct SessionSource {
  std::shared_ptr<dataplane::Source> source;
  // The same object if the content is uploaded, else null.
  std::shared_ptr<dataplane::StreamSource> upload;
  // Tells the file's content from any other, for people too: inode, size and
  // times. Empty if it is no file's.
  std::string content;
  // When the file was last written to; not set if it is none, or a device.
  std::optional<absl::Time> modified;
};

// Where sources come from. What it refers to outlives its use.
struct SourceProvider {
  dataplane::Engine& engine;
  const ContentRoots& roots;
  ReceivedContent& received;
  size_t upload_window_bytes;

  // Opens the source in a spec that ToOptions() has accepted, and calls `done`
  // once: before this returns, or on another thread; `done` must not block. The
  // errors are those of CreateSession, and name the field. DATA_LOSS: a file
  // has not the `content` that it had (SessionSource::content); none: any will
  // do.
  void Open(const v1::SessionSpec& spec,
            const std::optional<std::string>& content,
            std::function<void(absl::StatusOr<SessionSource>)> done) const;

  // Answers everything that is pending. When this returns, no `done` is
  // running. Blocks.
  void AnswerPending() const;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_SOURCE_H_
