// The contents of receptions, for the sessions that have one for their source.
#ifndef TCPTOOL_SERVER_SESSIONS_RECEIVED_CONTENT_H_
#define TCPTOOL_SERVER_SESSIONS_RECEIVED_CONTENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/content/source.h"

namespace tcptool::server {

// Implemented by those who receive, who depend on sessions and not the other
// way round. Any thread may call any method.
class ReceivedContent {
 public:
  using Opened =
      std::function<void(absl::StatusOr<std::shared_ptr<dataplane::Source>>)>;

  virtual ~ReceivedContent() = default;

  // Opens what a reception receives, or has received, and calls `done` once:
  // before this returns, or on another thread; `done` must not block.
  // `with_sha256`: the source is to know its SHA-256. Errors as the API's
  // ReceptionSource says.
  virtual void Open(const std::string& reception, bool with_sha256,
                    Opened done) = 0;

  // Answers everything that is pending, with UNAVAILABLE where it is not known.
  // When this returns, no `done` is running. Blocks.
  virtual void AnswerPending() = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_RECEIVED_CONTENT_H_
