#include "text/host_port.h"

#include <gtest/gtest.h>

namespace tcptool {
namespace {

TEST(HostPortTest, TakesNamesAndAddresses) {
  struct Case {
    const char* text;
    const char* host;
    uint16_t port;
  };
  for (const Case& c : {Case{"127.0.0.1:9875", "127.0.0.1", 9875},
                        {"node-1.example:1", "node-1.example", 1},
                        {"[::]:0", "::", 0},
                        {"[2001:db8::1]:65535", "2001:db8::1", 65535},
                        {"[fe80::1%eth0]:9875", "fe80::1%eth0", 9875}}) {
    const auto address = ParseHostPort(c.text);
    ASSERT_TRUE(address) << c.text;
    EXPECT_EQ(address->host, c.host);
    EXPECT_EQ(address->port, c.port) << c.text;
    EXPECT_EQ(JoinHostPort(address->host, address->port), c.text);
  }
  EXPECT_EQ(ParseHostPort("a:080")->port, 80);
}

TEST(HostPortTest, RefusesWhatIsNone) {
  for (const char* text : {"",
                           ":",
                           "a",
                           "a:",
                           ":1",
                           "a:65536",
                           "a:99999999999",
                           "a:-1",
                           "a:+1",
                           "a: 1",
                           "a:1 ",
                           "a:0x1",
                           "a:http",
                           "a b:1",
                           "a\n:1",
                           "\xc3\xa4:1",
                           "::1:9875",
                           "[]:1",
                           "[::1]",
                           "[::1]1",
                           "[::1:1",
                           "::1]:1",
                           "[[::1]]:1",
                           "[127.0.0.1]:1",
                           "[a]:1",
                           "[::1]x:1",
                           "a:1:2"}) {
    EXPECT_FALSE(ParseHostPort(text)) << text;
  }
  EXPECT_FALSE(ParseHostPort({"a\0:1", 4}));
  EXPECT_FALSE(ParseHostPort({"a:1\0", 4}));
}

}  // namespace
}  // namespace tcptool
