// Etags, which tell a client that a session or a reception has changed since it
// was read (AIP-154).
#ifndef TCPTOOL_SERVER_API_ETAG_H_
#define TCPTOOL_SERVER_API_ETAG_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/state.h"
#include "dataplane/receiving/reception_status.h"
#include "tcptool/v1/reception.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// Differs for each state; progress does not change it.
std::string NewEtag(const v1::Session& session);
std::string NewEtag(const v1::Reception& reception);

// For an `etag` that matches: the state that the data plane must find for it to
// be still valid. None: there is no etag.
std::optional<dataplane::SessionState> StateOf(const std::string& etag,
                                               const v1::Session& session);
std::optional<dataplane::ReceptionState> StateOf(
    const std::string& etag, const v1::Reception& reception);

// ABORTED; `what` describes the current state.
absl::Status EtagMismatch(absl::string_view name, absl::string_view what);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_ETAG_H_
