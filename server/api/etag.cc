#include "server/api/etag.h"

#include <google/protobuf/util/time_util.h>

#include "absl/strings/str_cat.h"
#include "server/api/errors.h"
#include "server/api/reception_translate.h"
#include "server/api/translate.h"

namespace tcptool::server {
namespace {

std::string Text(const google::protobuf::Timestamp& time) {
  return absl::StrCat(time.seconds(), ".", time.nanos());
}

template <typename Resource>
std::string EtagOf(const Resource& resource, absl::string_view more = "") {
  return absl::StrCat("\"", Text(resource.create_time()), ".", resource.state(),
                      more, "\"");
}

}  // namespace

std::string NewEtag(const v1::Session& session) {
  // So that sessions of a service before 0.2.0 keep theirs.
  if (session.update_time() == session.create_time()) return EtagOf(session);
  return EtagOf(session, absl::StrCat(".", Text(session.update_time())));
}

std::string NewEtag(const v1::Reception& reception) {
  return EtagOf(reception);
}

std::optional<dataplane::SessionState> StateOf(const std::string& etag,
                                               const v1::Session& session) {
  if (etag.empty()) return std::nullopt;
  return ToState(session.state());
}

std::optional<dataplane::ReceptionState> StateOf(
    const std::string& etag, const v1::Reception& reception) {
  if (etag.empty()) return std::nullopt;
  return ToState(reception.state());
}

absl::Status EtagMismatch(absl::string_view name, absl::string_view what) {
  return WithReason(
      absl::AbortedError(absl::StrCat("etag: ", name, " has changed since; ",
                                      what, ". Read it, and try again")),
      v1::ERROR_REASON_ETAG_MISMATCH);
}

}  // namespace tcptool::server
