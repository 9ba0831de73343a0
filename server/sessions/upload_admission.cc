#include "server/sessions/upload_admission.h"

#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "server/api/errors.h"

namespace tcptool::server {

absl::Status UploadAdmission::Check(const v1::Session& session,
                                    const LiveSessions::Live* live) const {
  if (!session.spec().has_upload()) {
    return FailedPrecondition(
        v1::ERROR_REASON_NOT_AN_UPLOAD, session.name(),
        absl::StrCat(session.name(),
                     " serves a file; create a session with an upload source"));
  }
  if (live == nullptr) {
    return FailedPrecondition(
        v1::ERROR_REASON_RESOURCE_FINISHED, session.name(),
        absl::StrCat(session.name(), " is finished: it is ",
                     StateName(session.state()), "; create another"));
  }
  if (live->upload == nullptr) {
    return FailedPrecondition(
        v1::ERROR_REASON_UPLOAD_TAKEN, session.name(),
        absl::StrCat(
            session.name(),
            " has an upload already, and content is sent once; create another "
            "session"));
  }
  if (reserved_bytes_ + window_bytes_ > max_bytes_) {
    return Exhausted(
        v1::ERROR_REASON_UPLOAD_MEMORY_FULL, "upload bytes",
        absl::StrCat(
            "the uploads that go on may hold ", reserved_bytes_, " of the ",
            max_bytes_,
            " bytes that the service allows; wait until a session has ended"));
  }
  return absl::OkStatus();
}

void UploadAdmission::Reserve(LiveSessions::Live& live) {
  live.upload_bytes = window_bytes_;
  reserved_bytes_ += window_bytes_;
}

}  // namespace tcptool::server
