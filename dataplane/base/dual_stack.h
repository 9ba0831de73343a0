// Listening on IPv4 and IPv6 at once.
#ifndef TCPTOOL_DATAPLANE_BASE_DUAL_STACK_H_
#define TCPTOOL_DATAPLANE_BASE_DUAL_STACK_H_

#include <asio/ip/tcp.hpp>
#include <system_error>

namespace tcptool::dataplane {

// Opens `acceptor` to be bound to `endpoint`. One for "::" is going to accept
// IPv4 too, whatever net.ipv6.bindv6only says; where the kernel has no IPv6,
// `endpoint` becomes "0.0.0.0", so that "::" means every address anywhere.
void OpenDualStack(asio::ip::tcp::acceptor& acceptor,
                   asio::ip::tcp::endpoint& endpoint, std::error_code& error);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_DUAL_STACK_H_
