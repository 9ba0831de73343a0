#include "server/sessions/advertised_address.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <asio/ip/address.hpp>
#include <asio/ip/udp.hpp>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/string_view.h"
#include "dataplane/base/unique_fd.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

using asio::ip::address;
using asio::ip::udp;

// In networks that are for documentation (RFC 5737, RFC 3849): no route but the
// default one leads there.
constexpr absl::string_view kElsewhereV4 = "192.0.2.1";
constexpr absl::string_view kElsewhereV6 = "2001:db8::1";

std::optional<address> ToAddress(const sockaddr* from) {
  if (from == nullptr) return std::nullopt;
  if (from->sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, from, sizeof in);
    return asio::ip::address_v4(ntohl(in.sin_addr.s_addr));
  }
  if (from->sa_family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, from, sizeof in);
    asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return asio::ip::address_v6(bytes);
  }
  return std::nullopt;
}

// This node's address on the way to `elsewhere`. Connecting a UDP socket
// chooses the route and sends nothing. Not by asio, whose event loop has
// descriptors of its own, and throws where none is left.
std::optional<address> SourceAddress(absl::string_view elsewhere) {
  const udp::endpoint peer(asio::ip::make_address(std::string(elsewhere)), 9);
  const dataplane::UniqueFd socket(
      ::socket(peer.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid() || connect(socket.get(), peer.data(),
                                 static_cast<socklen_t>(peer.size())) != 0) {
    return std::nullopt;
  }
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &size) !=
      0) {
    return std::nullopt;
  }
  const auto found = ToAddress(reinterpret_cast<const sockaddr*>(&local));
  if (!found || found->is_unspecified()) return std::nullopt;
  return found;
}

// Of the first interface that is up and has one of this family that others
// reach.
std::optional<address> InterfaceAddress(bool v6) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, &freeifaddrs);
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if ((each->ifa_flags & IFF_UP) == 0 ||
        (each->ifa_flags & IFF_LOOPBACK) != 0) {
      continue;
    }
    const std::optional<address> found = ToAddress(each->ifa_addr);
    if (found && found->is_v6() == v6 &&
        !(v6 && found->to_v6().is_link_local())) {
      return found;
    }
  }
  return std::nullopt;
}

// "::" takes IPv4 too, and most recipients have that.
address NodeAddress(bool v6) {
  if (const auto found = SourceAddress(kElsewhereV4)) return *found;
  if (v6) {
    if (const auto found = SourceAddress(kElsewhereV6)) return *found;
  }
  if (const auto found = InterfaceAddress(false)) return *found;
  if (v6) {
    if (const auto found = InterfaceAddress(true)) return *found;
    return asio::ip::address_v6::loopback();
  }
  return asio::ip::address_v4::loopback();
}

}  // namespace

AdvertisedAddress::AdvertisedAddress(std::string address)
    : address_(std::move(address)) {}

std::string AdvertisedAddress::EndpointOf(
    const asio::ip::tcp::endpoint& listening) const {
  const address bound = listening.address();
  if (!address_.empty() && !bound.is_loopback()) {
    return JoinHostPort(address_, listening.port());
  }
  return JoinHostPort(bound.is_unspecified()
                          ? NodeAddress(bound.is_v6()).to_string()
                          : bound.to_string(),
                      listening.port());
}

}  // namespace tcptool::server
