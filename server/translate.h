// Between the API's messages and the data plane's types: the only place that
// knows both.
#ifndef TCPTOOL_SERVER_TRANSLATE_H_
#define TCPTOOL_SERVER_TRANSLATE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/session_options.h"
#include "dataplane/state.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// What a spec may ask of this node.
struct SpecRules {
  asio::ip::address data_address;
  uint16_t first_port = 0;
  uint16_t last_port = 0;
  int32_t max_recipients = 0;
};

// INVALID_ARGUMENT with the path of the field first: "session.spec.allow[1]: ".
absl::Status InvalidField(absl::string_view path, absl::string_view what);

// Checks `spec`, fills its defaults in, and says what the data plane is to do.
// Port 0 stays 0. Says nothing of the source.
absl::StatusOr<dataplane::SessionOptions> ToOptions(const SpecRules& rules,
                                                    v1::SessionSpec& spec);

// "TRANSFERRING".
std::string StateName(v1::SessionState state);

// "192.0.2.7:9876", "[2001:db8::7]:9876".
std::string ToString(const asio::ip::tcp::endpoint& endpoint);

// Sets the fields that the data plane knows of.
void CopyStatus(const dataplane::SessionStatus& status, v1::Session& session);
v1::Recipient ToProto(absl::string_view session_name,
                      const dataplane::RecipientStatus& status);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_TRANSLATE_H_
