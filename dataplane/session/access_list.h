// Which peers may connect to a session.
#ifndef TCPTOOL_DATAPLANE_SESSION_ACCESS_LIST_H_
#define TCPTOOL_DATAPLANE_SESSION_ACCESS_LIST_H_

#include <array>
#include <asio/ip/address.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace tcptool::dataplane {

// A set of address ranges. An empty list allows everybody.
class AccessList {
 public:
  // Adds a rule, in one of these forms:
  // - 192.168.101.0/255.255.255.0: the 2008 form; the mask may have any bits.
  // - 192.168.101.0/24, 2001:db8::/32: CIDR (RFC 4632, RFC 4291 2.3).
  // - 192.168.101.13, ::1: one host.
  // A rule is of one family: ::/0 allows all of IPv6, and nobody of IPv4. An
  // IPv4-mapped network (::ffff:192.0.2.0/120) is one of IPv4.
  // Bits of the address outside the mask are ignored. INVALID_ARGUMENT names
  // the rule and what is wrong with it.
  absl::Status Add(std::string_view rule);

  // An IPv4-mapped IPv6 address (::ffff:a.b.c.d), which is what a dual-stack
  // socket shows of an IPv4 peer, is taken for the IPv4 one.
  bool Allows(const asio::ip::address& peer) const;

  bool empty() const { return rules_.empty(); }
  size_t size() const { return rules_.size(); }

 private:
  using Bytes = std::array<uint8_t, 16>;
  struct Rule {
    bool is_v4 = false;
    // In network byte order; those of IPv4 are the first four.
    Bytes network{};
    Bytes mask{};
  };
  // Adds a rule whose network may have bits outside its mask.
  void AddParsed(Rule rule);
  static Bytes ToBytes(const asio::ip::address& address);

  std::vector<Rule> rules_;
};

// `address` in its IPv4 form if it is an IPv4-mapped IPv6 address.
asio::ip::address Unmapped(const asio::ip::address& address);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SESSION_ACCESS_LIST_H_
