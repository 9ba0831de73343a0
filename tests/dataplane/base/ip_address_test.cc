#include "dataplane/base/ip_address.h"

#include <gtest/gtest.h>
#include <net/if.h>

#include <string>

namespace tcptool::dataplane {
namespace {

using std::string_view;
using std::string_view_literals::operator""sv;

TEST(ParseIpAddressTest, TakesAddressesOfBothFamilies) {
  for (const string_view text :
       {"192.0.2.1", "2001:db8::1", "::", "::ffff:192.0.2.1"}) {
    const auto address = ParseIpAddress(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
}

TEST(ParseIpAddressTest, TakesTheInterfaceOfALinkLocalAddress) {
  const auto named = ParseIpAddress("fe80::1%lo");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->to_v6().scope_id(), if_nametoindex("lo"));
  EXPECT_EQ(ParseIpAddress("fe80::1%7")->to_v6().scope_id(), 7);
}

TEST(ParseIpAddressTest, RefusesAnInterfaceThatThereIsNot) {
  for (const string_view text : {"fe80::1%no-such", "fe80::1%", "fe80::1%0",
                                 "2001:db8::1%no-such", "::1%.evil.example"}) {
    EXPECT_FALSE(ParseIpAddress(text)) << text;
  }
}

TEST(ParseIpAddressTest, RefusesWhatGoesOnBehindANul) {
  for (const string_view text :
       {"192.0.2.1\0"sv, "192.0.2.1\0.evil.example"sv, "2001:db8::1\0x"sv,
        "fe80::1%lo\0x"sv, "fe80::1%7\0"sv, "\0"sv}) {
    EXPECT_FALSE(ParseIpAddress(text)) << text;
  }
}

TEST(ParseIpAddressTest, RefusesWhatIsNoAddress) {
  for (const string_view text :
       {"", " 192.0.2.1", "192.0.2.1 ", "192.0.2", "192.0.2.256", "[::1]",
        "192.0.2.1:80", "127.1", "0x7f.0.0.1", "node-1"}) {
    EXPECT_FALSE(ParseIpAddress(text)) << text;
  }
}

}  // namespace
}  // namespace tcptool::dataplane
