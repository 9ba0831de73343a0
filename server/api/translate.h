// Translates the data plane's types to the API's messages. spec.h has the way
// back, for a session's spec.
#ifndef TCPTOOL_SERVER_API_TRANSLATE_H_
#define TCPTOOL_SERVER_API_TRANSLATE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/state.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// The state is one of a session: not UNSPECIFIED.
dataplane::SessionState ToState(v1::SessionState state);

// "192.0.2.7:9876", "[2001:db8::7]:9876".
std::string ToString(const asio::ip::tcp::endpoint& endpoint);

// Sets the fields that the data plane knows of: not `data_endpoint`, which
// depends on the network around the node.
void CopyStatus(const dataplane::SessionStatus& status, v1::Session& session);
// Sets `expire_time`, from `create_time` and the spec.
void SetExpireTime(v1::Session& session);
// UpdateSession has given it this spec now: sets what follows from it too.
void SetChangedSpec(const v1::SessionSpec& spec, v1::Session& session);
v1::Recipient ToProto(absl::string_view session_name,
                      const dataplane::RecipientStatus& status);
// The way back, for a message that was stored. DATA_LOSS: it is not one of
// ToProto().
absl::StatusOr<dataplane::RecipientStatus> FromProto(
    const v1::Recipient& recipient);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_TRANSLATE_H_
