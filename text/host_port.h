// "HOST:PORT", as addresses are written in options and in the API.
#ifndef TCPTOOL_TEXT_HOST_PORT_H_
#define TCPTOOL_TEXT_HOST_PORT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace tcptool {

struct HostPort {
  std::string host;  // A name or an IP address, without brackets.
  uint16_t port = 0;
};

// Parses "192.0.2.1:9875", "node-1:9875" or "[2001:db8::1]:9875": brackets are
// around a host that has a colon, and around no other. The port is a decimal
// number up to 65535; 0 is one. The host has printable characters of ASCII
// alone, and whether it exists is not asked. nullopt: it is none of these.
std::optional<HostPort> ParseHostPort(absl::string_view text);

// The reverse of ParseHostPort().
std::string JoinHostPort(absl::string_view host, uint16_t port);

}  // namespace tcptool

#endif  // TCPTOOL_TEXT_HOST_PORT_H_
