#include "text/host_port.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tcptool {
namespace {

// SimpleAtoi() would take signs and spaces too.
bool ParsePort(absl::string_view text, uint16_t& port) {
  uint32_t number = 0;
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &number) || number > UINT16_MAX) {
    return false;
  }
  port = static_cast<uint16_t>(number);
  return true;
}

bool IsOfHost(char c) {
  return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '[' &&
         c != ']';
}

}  // namespace

std::optional<HostPort> ParseHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return std::nullopt;
  HostPort address;
  if (!ParsePort(text.substr(colon + 1), address.port)) return std::nullopt;
  absl::string_view host = text.substr(0, colon);
  const bool is_bracketed =
      host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != absl::string_view::npos;
  if (host.empty() || has_colon != is_bracketed ||
      !std::all_of(host.begin(), host.end(), IsOfHost)) {
    return std::nullopt;
  }
  address.host = std::string(host);
  return address;
}

std::string JoinHostPort(absl::string_view host, uint16_t port) {
  const bool has_colon = host.find(':') != absl::string_view::npos;
  return has_colon ? absl::StrCat("[", host, "]:", port)
                   : absl::StrCat(host, ":", port);
}

}  // namespace tcptool
