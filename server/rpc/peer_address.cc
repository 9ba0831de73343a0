#include "server/rpc/peer_address.h"

#include <optional>
#include <system_error>

#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "text/host_port.h"

namespace tcptool::server {

asio::ip::address PeerAddress(absl::string_view peer) {
  if (!absl::ConsumePrefix(&peer, "ipv4:") &&
      !absl::ConsumePrefix(&peer, "ipv6:")) {
    return {};
  }
  const std::optional<HostPort> parsed = ParseHostPort(
      absl::StrReplaceAll(peer, {{"%5B", "["}, {"%5D", "]"}, {"%25", "%"}}));
  if (!parsed) return {};
  std::error_code error;
  const auto address = asio::ip::make_address(parsed->host, error);
  return error ? asio::ip::address() : address;
}

}  // namespace tcptool::server
