// Where the control API listens: "HOST:PORT" or "unix:PATH".
#ifndef TCPTOOL_SERVER_RPC_CONTROL_ADDRESS_H_
#define TCPTOOL_SERVER_RPC_CONTROL_ADDRESS_H_

#include <string>

#include "absl/status/status.h"

namespace tcptool::server {

// INVALID_ARGUMENT says how to write one.
absl::Status CheckControlAddress(const std::string& address);

// For those that CheckControlAddress() takes.
bool IsUnixSocket(const std::string& address);
// Only those on this machine reach it.
bool IsLocal(const std::string& address);

// What a service that was killed has left at the path is no obstacle: gRPC
// replaces a socket. It would do so too if somebody listens, or, for another
// file, fail without a reason: UNAVAILABLE, with what to do.
absl::Status CheckSocketPath(const std::string& address);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_CONTROL_ADDRESS_H_
