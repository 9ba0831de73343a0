// A connection to whichever of a host's addresses answers first (RFC 8305).
#ifndef TCPTOOL_CLIENT_TCPTOOL_HAPPY_EYEBALLS_H_
#define TCPTOOL_CLIENT_TCPTOOL_HAPPY_EYEBALLS_H_

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"

namespace tcptool::client {

// How long after an attempt the next address is tried in parallel (RFC 8305,
// section 8).
inline constexpr std::chrono::milliseconds kConnectionAttemptDelay{250};

// The order in which a host's addresses are tried: that given, but families
// take turns, so that a broken one costs one delay only (RFC 8305, section 4).
std::vector<asio::ip::tcp::endpoint> InterleaveFamilies(
    const std::vector<asio::ip::tcp::endpoint>& endpoints);

// Tries the endpoints in the order given, each from a delay after the one
// before, or from when all before it have failed. The first connection is
// returned as a blocking socket that resets on close (SO_LINGER 0); the other
// attempts are given up, and no bytes are sent on any.
//
// Gives up at `deadline` (time_point::max(): when each endpoint has failed by
// itself). Errors: ResourceExhausted, not even one socket could be had;
// Unavailable, nobody answered. The message says what the system says of each
// endpoint.
absl::StatusOr<dataplane::UniqueFd> ConnectToFirst(
    const std::vector<asio::ip::tcp::endpoint>& endpoints,
    std::chrono::steady_clock::time_point deadline);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_HAPPY_EYEBALLS_H_
