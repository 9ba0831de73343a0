#include "server/rpc/vouched_peers.h"

#include <gtest/gtest.h>

namespace tcptool::server {
namespace {

TEST(VouchedPeersTest, ANameCountsOnce) {
  const auto peers = std::make_shared<VouchedPeers>();
  const auto voucher = peers->Vouch({.address = "ipv4:192.0.2.1:1"});
  const auto peer = peers->Take(voucher.name());
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(peer->address, "ipv4:192.0.2.1:1");
  EXPECT_EQ(peers->Take(voucher.name()), nullptr);
}

TEST(VouchedPeersTest, ANameGoesWithItsVoucher) {
  const auto peers = std::make_shared<VouchedPeers>();
  std::string name;
  {
    auto voucher = peers->Vouch({});
    const auto moved = std::move(voucher);
    name = moved.name();
  }
  EXPECT_EQ(peers->Take(name), nullptr);
}

TEST(VouchedPeersTest, NamesAreLongAndAllDiffer) {
  const auto peers = std::make_shared<VouchedPeers>();
  const auto first = peers->Vouch({});
  const auto second = peers->Vouch({});
  EXPECT_EQ(first.name().size(), 32);
  EXPECT_NE(first.name(), second.name());
  EXPECT_EQ(peers->Take(""), nullptr);
}

TEST(VouchedPeersTest, VouchersMayOutliveThem) {
  auto peers = std::make_shared<VouchedPeers>();
  const auto voucher = peers->Vouch({});
  peers = nullptr;
}

}  // namespace
}  // namespace tcptool::server
