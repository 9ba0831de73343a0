#include "dataplane/base/ip_address.h"

#include <string>
#include <system_error>

namespace tcptool::dataplane {

std::optional<asio::ip::address> ParseIpAddress(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::error_code error;
  const auto address = asio::ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  const bool has_scope = text.find('%') != std::string_view::npos;
  if (has_scope && address.to_v6().scope_id() == 0) return std::nullopt;
  return address;
}

}  // namespace tcptool::dataplane
