// Where the control API listens: "HOST:PORT" or "unix:PATH".
#ifndef TCPTOOL_SERVER_RPC_CONTROL_ADDRESS_H_
#define TCPTOOL_SERVER_RPC_CONTROL_ADDRESS_H_

#include <string>

#include "absl/status/status.h"

namespace tcptool::server {

// INVALID_ARGUMENT describes the valid forms.
absl::Status CheckControlAddress(const std::string& address);

// For addresses that CheckControlAddress() accepts.
bool IsUnixSocket(const std::string& address);
// Whether only clients on this machine can reach it.
bool IsLocal(const std::string& address);

// Whether the server can listen at this path. gRPC replaces a socket that
// exists, which is right for one that a killed service has left. UNAVAILABLE,
// with what to do: another process listens on it, or it is another kind of
// file, for which gRPC would give no reason.
absl::Status CheckSocketPath(const std::string& address);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_CONTROL_ADDRESS_H_
