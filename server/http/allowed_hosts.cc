#include "server/http/allowed_hosts.h"

#include <unistd.h>

#include <array>
#include <asio/ip/address.hpp>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace tcptool::server {
namespace {

// HOST_NAME_MAX of Linux, and the NUL.
constexpr size_t kHostNameSize = 65;

bool IsIpAddress(const std::string& text) {
  std::error_code error;
  asio::ip::make_address(text, error);
  return !error;
}

// "node-1" of "node-1:9874" or "node-1.:9874"; "::1" of "[::1]:9874".
std::string WithoutPort(absl::string_view host) {
  if (absl::ConsumePrefix(&host, "[")) {
    return std::string(host.substr(0, host.find(']')));
  }
  host = host.substr(0, host.find(':'));
  absl::ConsumeSuffix(&host, ".");
  return std::string(host);
}

}  // namespace

AllowedHosts::AllowedHosts(const std::vector<std::string>& names) {
  names_.insert("localhost");
  std::array<char, kHostNameSize> node{};
  if (gethostname(node.data(), node.size() - 1) == 0 && node[0] != '\0') {
    const std::string name = absl::AsciiStrToLower(node.data());
    names_.insert(name);
    names_.insert(name.substr(0, name.find('.')));
  }
  for (const std::string& name : names) {
    if (name == "*") any_ = true;
    names_.insert(absl::AsciiStrToLower(name));
  }
}

bool AllowedHosts::Allows(const std::optional<std::string>& host) const {
  if (any_ || !host) return true;
  const std::string name = absl::AsciiStrToLower(WithoutPort(*host));
  return names_.contains(name) || IsIpAddress(name);
}

}  // namespace tcptool::server
