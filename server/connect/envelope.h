// The messages of a stream of the Connect protocol: a byte of flags, the length
// in four bytes, the most significant one first, and the message.
#ifndef TCPTOOL_SERVER_CONNECT_ENVELOPE_H_
#define TCPTOOL_SERVER_CONNECT_ENVELOPE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tcptool::server {

std::string Envelope(absl::string_view message);
// The last one of a stream.
std::string EndEnvelope(absl::string_view json);

// The message of a body that has one, as a call with one request has.
// UNIMPLEMENTED: it has none, or several; INVALID_ARGUMENT: it is cut, or has
// flags, as compression has. The result points into `body`.
absl::StatusOr<absl::string_view> OnlyMessage(absl::string_view body);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_CONNECT_ENVELOPE_H_
