// What tells a client that a session has changed since it read it (AIP-154).
#ifndef TCPTOOL_SERVER_API_ETAG_H_
#define TCPTOOL_SERVER_API_ETAG_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/state.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// Another one for each state of each session; progress does not change it.
std::string NewEtag(const v1::Session& session);

// What the data plane must find for `etag` to be right still, where it matches
// `session`.
std::optional<dataplane::SessionState> StateOf(const std::string& etag,
                                               const v1::Session& session);

// ABORTED; `what` says how it is now.
absl::Status EtagMismatch(absl::string_view session_name,
                          absl::string_view what);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_ETAG_H_
