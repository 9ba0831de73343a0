#include "server/rpc/upload_targets.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/errors.h"
#include "server/api/request_checks.h"

namespace tcptool::server {

absl::Status SessionUploads::CheckName(const std::string& name) {
  return CheckSessionName("name", name);
}

void SessionUploads::Open(const std::string& name, Opened opened) const {
  manager.OpenUpload(name, std::move(opened));
}

void SessionUploads::Fail(Upload& upload, const absl::Status& why) {
  upload.Fail(why.message());
}

absl::Status SessionUploads::EndedEarly(const Upload& /*upload*/) {
  return WithReason(absl::AbortedError("the session ended before the upload "
                                       "did; its state and error say why"),
                    v1::ERROR_REASON_UPLOAD_CUT_SHORT);
}

void SessionUploads::Answer(Upload& upload, Done done) const {
  manager.GetUploaded(
      upload, [done = std::move(done)](absl::StatusOr<v1::Session> session) {
        if (!session.ok()) return done(session.status());
        Response response;
        *response.mutable_session() = *std::move(session);
        done(std::move(response));
      });
}

absl::Status DistributionUploads::CheckName(const std::string& name) {
  return CheckDistributionName("name", name);
}

void DistributionUploads::Open(const std::string& name, Opened opened) const {
  distributions.FindUpload(
      name, [name, opened = std::move(opened),
             &uploads = uploads](const absl::StatusOr<std::string>& reception) {
        if (!reception.ok()) return opened(reception.status());
        opened(uploads.Begin(*reception, name));
      });
}

void DistributionUploads::Fail(Upload& upload, const absl::Status& why) {
  upload.Fail(why);
}

absl::Status DistributionUploads::EndedEarly(const Upload& upload) {
  const absl::Status result = upload.result();
  if (result.ok()) {
    return WithReason(absl::AbortedError(absl::StrCat(
                          "the node has the whole content of ", upload.name(),
                          " already, from an upload before")),
                      v1::ERROR_REASON_UPLOAD_CUT_SHORT);
  }
  if (!absl::IsAborted(result)) return result;  // Nothing was taken of it.
  return WithReason(absl::AbortedError(absl::StrCat(
                        "the node has not got the whole content of ",
                        upload.name(), ": ", result.message())),
                    v1::ERROR_REASON_UPLOAD_CUT_SHORT);
}

void DistributionUploads::Answer(Upload& upload, const Done& done) const {
  if (!upload.result().ok()) return done(EndedEarly(upload));
  absl::StatusOr<v1::Distribution> distribution =
      distributions.table().Get(upload.name());
  if (absl::IsNotFound(distribution.status())) {
    return done(NotFound(
        v1::ERROR_REASON_RESOURCE_DELETED, kDistributionType, upload.name(),
        absl::StrCat("the node has taken the whole content of ", upload.name(),
                     ", which has been deleted since")));
  }
  if (!distribution.ok()) return done(distribution.status());
  Response response;
  *response.mutable_distribution() = *std::move(distribution);
  done(std::move(response));
}

}  // namespace tcptool::server
