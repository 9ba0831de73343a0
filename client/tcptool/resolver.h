// From a host's name to its addresses.
#ifndef TCPTOOL_CLIENT_TCPTOOL_RESOLVER_H_
#define TCPTOOL_CLIENT_TCPTOOL_RESOLVER_H_

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace tcptool::client {

// The addresses of `host`, a name or an IP address, in the order in which they
// are best tried (RFC 6724), each with `port`, a number. At least one.
//
// Waits until `deadline` at the longest, whatever the system's resolver does
// (getaddrinfo(3) has no time-out of its own); it may go on behind it, on a
// thread that nobody waits for. The error's message is the resolver's reason.
absl::StatusOr<std::vector<asio::ip::tcp::endpoint>> Resolve(
    const std::string& host, const std::string& port,
    std::chrono::steady_clock::time_point deadline);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_RESOLVER_H_
