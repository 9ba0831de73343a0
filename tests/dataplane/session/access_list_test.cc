#include "dataplane/session/access_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tcptool::dataplane {
namespace {

using asio::ip::make_address;
using std::string_view_literals::operator""sv;

AccessList ListOf(std::initializer_list<std::string_view> rules) {
  AccessList list;
  for (const std::string_view rule : rules) {
    EXPECT_TRUE(list.Add(rule).ok()) << rule;
  }
  return list;
}

TEST(AccessListTest, EmptyListAllowsEverybody) {
  EXPECT_TRUE(AccessList().Allows(make_address("192.0.2.1")));
  EXPECT_TRUE(AccessList().Allows(make_address("2001:db8::1")));
}

TEST(AccessListTest, RuleOf2008AllowsItsNetworkOnly) {
  const AccessList list = ListOf({"192.168.101.0/255.255.255.0"});
  EXPECT_TRUE(list.Allows(make_address("192.168.101.13")));
  EXPECT_FALSE(list.Allows(make_address("192.168.102.13")));
  EXPECT_FALSE(list.Allows(make_address("2001:db8::1")));
}

TEST(AccessListTest, MaskNeedNotBeAPrefix) {
  const AccessList list = ListOf({"10.0.0.7/255.0.0.255"});
  EXPECT_TRUE(list.Allows(make_address("10.1.2.7")));
  EXPECT_FALSE(list.Allows(make_address("10.1.2.8")));
}

TEST(AccessListTest, BitsOutsideTheMaskAreIgnored) {
  EXPECT_TRUE(ListOf({"192.0.2.99/24"}).Allows(make_address("192.0.2.1")));
}

TEST(AccessListTest, CidrWorksForBothFamilies) {
  const AccessList list = ListOf({"198.51.100.0/30", "2001:db8::/33"});
  EXPECT_TRUE(list.Allows(make_address("198.51.100.3")));
  EXPECT_FALSE(list.Allows(make_address("198.51.100.4")));
  EXPECT_TRUE(list.Allows(make_address("2001:db8:7fff::1")));
  EXPECT_FALSE(list.Allows(make_address("2001:db8:8000::1")));
}

TEST(AccessListTest, ZeroPrefixAllowsItsWholeFamily) {
  const AccessList list = ListOf({"0.0.0.0/0"});
  EXPECT_TRUE(list.Allows(make_address("203.0.113.1")));
  EXPECT_FALSE(list.Allows(make_address("2001:db8::1")));
}

TEST(AccessListTest, Ipv6RuleAllowsNobodyOfIpv4) {
  for (const char* rule : {"::/0", "::1/64", "::/80", "::ffff:0:0/90"}) {
    const AccessList list = ListOf({rule});
    EXPECT_FALSE(list.Allows(make_address("192.0.2.1"))) << rule;
    EXPECT_FALSE(list.Allows(make_address("::ffff:192.0.2.1"))) << rule;
  }
  EXPECT_TRUE(ListOf({"::/0"}).Allows(make_address("2001:db8::1")));
}

TEST(AccessListTest, Ipv4RuleAllowsNobodyOfIpv6) {
  for (const char* rule : {"0.0.0.0/0", "32.1.13.184/0.0.0.0"}) {
    EXPECT_FALSE(ListOf({rule}).Allows(make_address("2001:db8::1"))) << rule;
    EXPECT_FALSE(ListOf({rule}).Allows(make_address("::1"))) << rule;
  }
}

TEST(AccessListTest, MappedNetworkIsOneOfIpv4) {
  const AccessList list =
      ListOf({"::ffff:192.0.2.0/120", "::ffff:198.51.100.7"});
  EXPECT_TRUE(list.Allows(make_address("192.0.2.9")));
  EXPECT_TRUE(list.Allows(make_address("::ffff:192.0.2.9")));
  EXPECT_FALSE(list.Allows(make_address("192.0.3.9")));
  EXPECT_TRUE(list.Allows(make_address("198.51.100.7")));
  EXPECT_FALSE(list.Allows(make_address("198.51.100.8")));
}

TEST(AccessListTest, LoneAddressAllowsThatHost) {
  const AccessList list = ListOf({"192.0.2.7"});
  EXPECT_TRUE(list.Allows(make_address("192.0.2.7")));
  EXPECT_FALSE(list.Allows(make_address("192.0.2.6")));
}

TEST(AccessListTest, MappedAddressMatchesTheIpv4Rule) {
  const AccessList list = ListOf({"192.0.2.0/24"});
  EXPECT_TRUE(list.Allows(make_address("::ffff:192.0.2.9")));
  EXPECT_FALSE(list.Allows(make_address("::ffff:192.0.3.9")));
}

class MalformedRuleTest : public testing::TestWithParam<std::string_view> {};

TEST_P(MalformedRuleTest, IsRefusedByName) {
  AccessList list;
  const absl::Status status = list.Add(GetParam());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("\"" + std::string(GetParam()) + "\""));
  EXPECT_TRUE(list.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Rules, MalformedRuleTest,
    testing::Values<std::string_view>(
        "", "/", "192.0.2.0/", "/24", "192.0.2.0/33", "192.0.2.0/-1",
        "192.0.2.0/+8", "192.0.2.0/ 8", "192.0.2/24", "192.0.2.0.1/24",
        "256.0.0.1/8", "host/24", "2001:db8::/129", "2001:db8::/255.0.0.0",
        "192.0.2.0/24/8", "192.0.2.0/99999999999999999999", "fe80::1%1/64",
        "2001:db8::1%no-such/64", "192.0.2.1\0x"sv, "192.0.2.0\0x/24"sv,
        "192.0.2.0/24\0x"sv, "192.0.2.0/255.255.255.0\0x"sv,
        "2001:db8::\0x/32"sv));

}  // namespace
}  // namespace tcptool::dataplane
