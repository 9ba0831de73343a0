// Access rules are held against the address that this finds.
#include "server/rpc/peer_address.h"

#include <gtest/gtest.h>

namespace tcptool::server {
namespace {

TEST(PeerAddressTest, AllForms) {
  const struct {
    const char* peer;
    const char* address;
  } kCases[] = {
      {"ipv4:192.0.2.1:50000", "192.0.2.1"},
      {"ipv6:[2001:db8::1]:50000", "2001:db8::1"},
      {"ipv6:%5B2001:db8::1%5D:50000", "2001:db8::1"},
      {"ipv6:%5B::ffff:192.0.2.1%5D:50000", "::ffff:192.0.2.1"},
      {"ipv6:%5Bfe80::1%251%5D:50000", "fe80::1%1"},
      {"unix:", "0.0.0.0"},
      {"ipv4:", "0.0.0.0"},
      {"ipv4:node:1", "0.0.0.0"},
      {"", "0.0.0.0"},
  };
  for (const auto& [peer, address] : kCases) {
    EXPECT_EQ(PeerAddress(peer), asio::ip::make_address(address)) << peer;
  }
}

}  // namespace
}  // namespace tcptool::server
