#include "dataplane/session/access_list.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/ip_address.h"

namespace tcptool::dataplane {
namespace {

constexpr int kV4Bits = 32;
constexpr int kV6Bits = 128;

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

AccessList::Bytes AccessList::ToBytes(const asio::ip::address& address) {
  Bytes bytes{};
  if (address.is_v4()) {
    std::ranges::copy(address.to_v4().to_bytes(), bytes.begin());
  } else {
    std::ranges::copy(address.to_v6().to_bytes(), bytes.begin());
  }
  return bytes;
}

absl::Status AccessList::Add(std::string_view rule) {
  const size_t slash = rule.find('/');
  const std::optional<asio::ip::address> address =
      ParseIpAddress(rule.substr(0, slash));
  if (!address) return Malformed(rule, "no IP address before the slash");
  const asio::ip::address& network = *address;
  if (network.is_v6() && network.to_v6().scope_id() != 0) {
    return Malformed(rule, "a scope (%) is not supported");
  }

  int prefix = network.is_v4() ? kV4Bits : kV6Bits;
  Rule parsed{.is_v4 = network.is_v4(), .network = ToBytes(network)};
  if (slash != std::string_view::npos) {
    const std::string mask(rule.substr(slash + 1));
    const std::optional<asio::ip::address> mask_address = ParseIpAddress(mask);
    if (mask_address && mask_address->is_v4()) {
      if (!network.is_v4()) {
        return Malformed(rule, "an IPv6 network needs a prefix length");
      }
      parsed.mask = ToBytes(*mask_address);
      AddParsed(parsed);
      return absl::OkStatus();
    }
    const int width = prefix;
    // SimpleAtoi takes signs and blanks; a prefix length is digits alone.
    const bool digits = !mask.empty() && std::ranges::all_of(mask, [](char c) {
      return c >= '0' && c <= '9';
    });
    if (!digits || !absl::SimpleAtoi(mask, &prefix) || prefix > width) {
      return Malformed(rule, "no mask or prefix length after the slash");
    }
  }
  constexpr int kMappedPrefix = kV6Bits - kV4Bits;  // Of ::ffff:0:0/96.
  if (Unmapped(network).is_v4() && network.is_v6() && prefix >= kMappedPrefix) {
    parsed = {.is_v4 = true, .network = ToBytes(Unmapped(network))};
    prefix -= kMappedPrefix;
  }
  for (int bit = 0; bit < prefix; ++bit) {
    parsed.mask[bit / 8] |= 0x80 >> (bit % 8);
  }
  AddParsed(parsed);
  return absl::OkStatus();
}

void AccessList::AddParsed(Rule rule) {
  for (size_t i = 0; i < rule.network.size(); ++i) {
    rule.network[i] &= rule.mask[i];
  }
  rules_.push_back(rule);
}

bool AccessList::Allows(const asio::ip::address& peer) const {
  if (rules_.empty()) return true;
  const asio::ip::address address = Unmapped(peer);
  const Bytes bytes = ToBytes(address);
  return std::ranges::any_of(rules_, [&](const Rule& rule) {
    if (rule.is_v4 != address.is_v4()) return false;
    for (size_t i = 0; i < bytes.size(); ++i) {
      if ((bytes[i] & rule.mask[i]) != rule.network[i]) return false;
    }
    return true;
  });
}

}  // namespace tcptool::dataplane
