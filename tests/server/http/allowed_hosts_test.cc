#include "server/http/allowed_hosts.h"

#include <gtest/gtest.h>
#include <unistd.h>

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
        "[2001:db8::7]", "localhost", "LocalHost:9874", "localhost.:9874"}) {
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

TEST(AllowedHostsTest, AllowsTheNamesThatItIsGiven) {
  const AllowedHosts hosts({"Images.example"});
  EXPECT_TRUE(hosts.Allows("images.EXAMPLE:80"));
  EXPECT_FALSE(hosts.Allows("other.example"));
  EXPECT_TRUE(AllowedHosts({"*"}).Allows("other.example"));
}

}  // namespace
}  // namespace tcptool::server
