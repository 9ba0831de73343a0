#include "server/api/etag.h"

#include "absl/strings/str_cat.h"
#include "server/api/translate.h"

namespace tcptool::server {

std::string NewEtag(const v1::Session& session) {
  return absl::StrCat("\"", session.create_time().seconds(), ".",
                      session.create_time().nanos(), ".", session.state(),
                      "\"");
}

std::optional<dataplane::SessionState> StateOf(const std::string& etag,
                                               const v1::Session& session) {
  if (etag.empty()) return std::nullopt;
  return ToState(session.state());
}

absl::Status EtagMismatch(absl::string_view session_name,
                          absl::string_view what) {
  return absl::AbortedError(absl::StrCat("etag: ", session_name,
                                         " has changed since; ", what,
                                         ". Read it, and try again"));
}

}  // namespace tcptool::server
