#include "server/http/allowed_hosts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace tcptool::server {
namespace {

std::string NodeName() {
  char name[65] = {};
  EXPECT_EQ(gethostname(name, sizeof(name) - 1), 0);
  return name;
}

TEST(AllowedHostsTest, AllowsAddressesAndTheNodesNames) {
  const AllowedHosts hosts({});
  for (const char* host :
       {"127.0.0.1", "127.0.0.1:9874", "192.0.2.7:80", "[::1]:9874",
        "[2001:db8::7]", "localhost", "LocalHost:9874", "localhost.:9874",
        "localhost:", "[::1]:", "[::FFFF:192.0.2.7]"}) {
    EXPECT_TRUE(hosts.Allows(host)) << host;
  }
  EXPECT_TRUE(hosts.Allows(NodeName()));
  EXPECT_TRUE(hosts.Allows(NodeName() + ":9874"));
  // Of HTTP/1.0.
  EXPECT_TRUE(hosts.Allows(std::nullopt));
}

TEST(AllowedHostsTest, RefusesOtherNames) {
  const AllowedHosts hosts({});
  for (const char* host :
       {"", "evil.example", "evil.example:9874", "127.0.0.1.evil.example",
        "localhost.evil.example", "[evil]", "127.1", "0x7f.1"}) {
    EXPECT_FALSE(hosts.Allows(host)) << host;
  }
  EXPECT_FALSE(hosts.Allows(NodeName() + ".evil.example"));
}

// Of something that begins or ends with a host that is allowed.
TEST(AllowedHostsTest, RefusesWhatIsNotAHostAndAPort) {
  const AllowedHosts hosts({});
  for (const absl::string_view host : {"[::1].evil.example",
                                       "[::1].evil.example:80",
                                       "[::1]junk",
                                       "[::1]80",
                                       "[::1",
                                       "::1",
                                       "::1]",
                                       "[::1]]",
                                       "[[::1]]",
                                       "[::1%1]",
                                       "[::1%.evil.example]",
                                       "[fe80::1%25eth0]",
                                       "[127.0.0.1]",
                                       "[localhost]",
                                       "127.0.0.1]",
                                       "localhost:80@evil.example",
                                       "user@localhost",
                                       "localhost:abc",
                                       "localhost:8 0",
                                       "localhost:+80",
                                       "localhost:-1",
                                       "localhost:80:80",
                                       "localhost::",
                                       "localhost:000080",
                                       "localhost/",
                                       "localhost..",
                                       "127.0.0.1.",
                                       "localhost,evil.example",
                                       "localhost evil.example",
                                       ":80",
                                       ".",
                                       " localhost"}) {
    EXPECT_FALSE(hosts.Allows(std::string(host))) << host;
  }
  using std::string_literals::operator""s;
  EXPECT_FALSE(hosts.Allows("127.0.0.1\0.evil.example"s));
  EXPECT_FALSE(hosts.Allows("localhost\0.evil.example"s));
  EXPECT_FALSE(hosts.Allows("[::1\0.evil.example]"s));
}

TEST(AllowedHostsTest, AllowsTheNamesThatItIsGiven) {
  const AllowedHosts hosts({"Images.example"});
  EXPECT_TRUE(hosts.Allows("images.EXAMPLE:80"));
  EXPECT_FALSE(hosts.Allows("other.example"));
  EXPECT_TRUE(AllowedHosts({"*"}).Allows("other.example"));
}

}  // namespace
}  // namespace tcptool::server
