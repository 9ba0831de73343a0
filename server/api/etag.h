// Etags, which tell a client that a session has changed since it was read
// (AIP-154).
#ifndef TCPTOOL_SERVER_API_ETAG_H_
#define TCPTOOL_SERVER_API_ETAG_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/state.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// Differs for each state of a session; progress does not change it.
std::string NewEtag(const v1::Session& session);

// If `etag` matches `session`: the state that the data plane must find for it
// to be still valid.
std::optional<dataplane::SessionState> StateOf(const std::string& etag,
                                               const v1::Session& session);

// ABORTED; `what` describes the current state.
absl::Status EtagMismatch(absl::string_view session_name,
                          absl::string_view what);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_ETAG_H_
