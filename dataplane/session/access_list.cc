#include "dataplane/session/access_list.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

absl::Status Malformed(std::string_view rule, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      "access rule \"", absl::string_view(rule.data(), rule.size()),
      "\": ", absl::string_view(what.data(), what.size()),
      "; write it as 192.168.101.0/255.255.255.0, "
      "192.168.101.0/24, 2001:db8::/32 or one address"));
}

}  // namespace

asio::ip::address Unmapped(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address;
}

AccessList::Bytes AccessList::Mapped(const asio::ip::address& address) {
  return address.is_v6()
             ? address.to_v6().to_bytes()
             : asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4())
                   .to_bytes();
}

absl::Status AccessList::Add(std::string_view rule) {
  const size_t slash = rule.find('/');
  std::error_code error;
  const auto network =
      asio::ip::make_address(std::string(rule.substr(0, slash)), error);
  if (error) return Malformed(rule, "no IP address before the slash");
  if (network.is_v6() && network.to_v6().scope_id() != 0) {
    return Malformed(rule, "a scope (%) is not supported");
  }

  Rule parsed;
  parsed.mask.fill(0xff);
  if (slash != std::string_view::npos) {
    const std::string mask(rule.substr(slash + 1));
    const auto mask_address = asio::ip::make_address_v4(mask, error);
    if (!error) {
      if (!network.is_v4()) {
        return Malformed(rule, "an IPv6 network needs a prefix length");
      }
      std::ranges::copy(mask_address.to_bytes(), parsed.mask.begin() + 12);
    } else {
      const int width = network.is_v4() ? 32 : 128;
      int prefix = 0;
      // SimpleAtoi takes signs and blanks; a prefix length is digits alone.
      const bool digits =
          !mask.empty() && std::ranges::all_of(mask, [](char c) {
            return c >= '0' && c <= '9';
          });
      if (!digits || !absl::SimpleAtoi(mask, &prefix) || prefix > width) {
        return Malformed(rule, "no mask or prefix length after the slash");
      }
      prefix += 128 - width;
      for (int bit = prefix; bit < 128; ++bit) {
        parsed.mask[bit / 8] &= ~(0x80 >> (bit % 8));
      }
    }
  }
  parsed.network = Mapped(network);
  for (size_t i = 0; i < parsed.network.size(); ++i) {
    parsed.network[i] &= parsed.mask[i];
  }
  rules_.push_back(parsed);
  return absl::OkStatus();
}

bool AccessList::Allows(const asio::ip::address& peer) const {
  if (rules_.empty()) return true;
  const Bytes bytes = Mapped(peer);
  return std::ranges::any_of(rules_, [&bytes](const Rule& rule) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      if ((bytes[i] & rule.mask[i]) != rule.network[i]) return false;
    }
    return true;
  });
}

}  // namespace tcptool::dataplane
