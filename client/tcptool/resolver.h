// Resolves the name of a host.
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
// Blocks until `deadline` at the longest: getaddrinfo(3) has no time-out of its
// own, so it runs on a thread that is left behind if it takes longer. The
// error's message is the resolver's reason.
absl::StatusOr<std::vector<asio::ip::tcp::endpoint>> Resolve(
    const std::string& host, const std::string& port,
    std::chrono::steady_clock::time_point deadline);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_RESOLVER_H_
