// IP addresses that others have written.
#ifndef TCPTOOL_DATAPLANE_BASE_IP_ADDRESS_H_
#define TCPTOOL_DATAPLANE_BASE_IP_ADDRESS_H_

#include <asio/ip/address.hpp>
#include <optional>
#include <string_view>

namespace tcptool::dataplane {

// "192.0.2.1", "2001:db8::1", or "fe80::1%eth0" with the name or the number of
// an interface of this host. nullopt: all of `text` is none of these.
// asio::ip::make_address() takes what is before a NUL for all of it, and an
// interface that there is not for none.
std::optional<asio::ip::address> ParseIpAddress(std::string_view text);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_IP_ADDRESS_H_
