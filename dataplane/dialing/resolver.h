// Resolves the name of a host.
#ifndef TCPTOOL_DATAPLANE_DIALING_RESOLVER_H_
#define TCPTOOL_DATAPLANE_DIALING_RESOLVER_H_

#include <asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace tcptool::dataplane {

using Endpoints = std::vector<asio::ip::tcp::endpoint>;

// Looks for the addresses of `host`, a name or an IP address: at least one, in
// the order in which they are best tried (RFC 6724), each with `port`, a
// number. The error's message is the resolver's reason.
//
// getaddrinfo(3) has no time-out of its own, so it runs on a thread of its own,
// which calls `done`, and which nobody waits for.
void Resolve(const std::string& host, const std::string& port,
             absl::AnyInvocable<void(absl::StatusOr<Endpoints>)> done);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_DIALING_RESOLVER_H_
