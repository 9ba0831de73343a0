// The content of a session as a client sends it, message by message.
#ifndef TCPTOOL_SERVER_SESSIONS_UPLOAD_H_
#define TCPTOOL_SERVER_SESSIONS_UPLOAD_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "dataplane/content/stream_source.h"
#include "dataplane/session/session.h"
#include "server/sessions/upload_order.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// The producer of a session whose source is an upload. Not thread-safe, unless
// a method says otherwise.
class Upload {
 public:
  Upload(std::string session_name,
         std::shared_ptr<dataplane::StreamSource> source,
         std::shared_ptr<dataplane::Session> session)
      : order_(std::move(session_name)),
        source_(std::move(source)),
        session_(std::move(session)) {}

  const std::string& session_name() const { return order_.name(); }

  // Moves the data out of `request` and appends it to the content.
  // INVALID_ARGUMENT: the message does not continue the upload.
  // FAILED_PRECONDITION: the content has not the length or the SHA-256 that is
  // expected; it is not complete then.
  absl::Status Take(v1::UploadContentRequest& request);

  bool complete() const { return order_.complete(); }
  // The session has ended and takes nothing more. Any thread.
  bool closed() const { return source_->closed(); }

  // Whether one more message may be taken. If not, `on_change` is called when
  // it may, or when closed().
  bool has_room() const { return has_room_; }
  // Called on a thread of the data plane: must not wait. Called at once if
  // closed() already. Before the first Take().
  void set_on_change(std::function<void()> on_change) {
    source_->set_on_room(std::move(on_change));
  }

  // The content will never be complete: fails the session, unless it has ended.
  void Fail(absl::string_view why);

  // Calls `done`, on a thread of the data plane, when the session has told its
  // observer of the content's length.
  void WhenLengthIsKnown(dataplane::Session::Done done) {
    session_->SourceEnded(std::move(done));
  }

 private:
  absl::Status Mismatch(absl::string_view what) const;

  UploadOrder order_;
  const std::shared_ptr<dataplane::StreamSource> source_;
  const std::shared_ptr<dataplane::Session> session_;
  bool has_room_ = true;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_UPLOAD_H_
