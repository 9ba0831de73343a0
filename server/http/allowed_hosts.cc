#include "server/http/allowed_hosts.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "dataplane/base/ip_address.h"

namespace tcptool::server {
namespace {

// HOST_NAME_MAX of Linux, and the NUL.
constexpr size_t kHostNameSize = 65;

// "node-1." of "node-1.:9874" and of "node-1.", "[::1]" of "[::1]:9874". What
// goes on after the host otherwise than with a port stays with it, and makes it
// a name that is not allowed.
absl::string_view WithoutPort(absl::string_view host) {
  constexpr size_t kMaxDigits = 5;
  const size_t colon = host.rfind(':');
  if (colon == absl::string_view::npos) return host;
  const absl::string_view port = host.substr(colon + 1);
  const bool is_port = port.size() <= kMaxDigits &&
                       std::ranges::all_of(port, absl::ascii_isdigit);
  return is_port ? host.substr(0, colon) : host;
}

// As RFC 3986 (3.2.2) has them: of IPv6 in brackets, and without an interface.
bool IsIpLiteral(absl::string_view host) {
  const bool v6 =
      absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  const auto address = dataplane::ParseIpAddress({host.data(), host.size()});
  return address && address->is_v6() == v6 &&
         host.find('%') == absl::string_view::npos;
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
  const absl::string_view name = WithoutPort(*host);
  return IsIpLiteral(name) ||
         names_.contains(absl::AsciiStrToLower(absl::StripSuffix(name, ".")));
}

}  // namespace tcptool::server
