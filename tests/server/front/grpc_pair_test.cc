#include "server/front/grpc_pair.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

TEST(GrpcPairTest, HasTheAddressInANameThatNoOtherHas) {
  // The longest that there is.
  const std::string address = "ipv6:[2001:0db8:1111:2222:3333:4444:5555:6666]";
  for (const std::string& whole :
       {absl::StrCat(address, ":65535"), std::string("ipv4:192.0.2.1:1"),
        std::string("unix:")}) {
    const GrpcPair pair = NewGrpcPair(whole);
    const GrpcPair other = NewGrpcPair(whole);
    ASSERT_TRUE(pair.ours.valid()) << whole;
    EXPECT_NE(pair.name, other.name);
    EXPECT_EQ(AddressIn(pair.name), whole);
    EXPECT_EQ(AddressIn(other.name), whole);
  }
}

TEST(GrpcPairTest, IsAPair) {
  const GrpcPair pair = NewGrpcPair("unix:");
  ASSERT_EQ(send(pair.ours.get(), "x", 1, 0), 1);
  std::array<char, 2> bytes{};
  EXPECT_EQ(recv(pair.grpcs.get(), bytes.data(), bytes.size(), 0), 1);
}

TEST(GrpcPairTest, LeavesWhatIsNoSuchName) {
  EXPECT_EQ(AddressIn("unix-abstract:tcptoold-0"), "");
  EXPECT_EQ(AddressIn("unix-abstract:x"), "unix-abstract:x");
  EXPECT_EQ(AddressIn("ipv4:192.0.2.1:1"), "ipv4:192.0.2.1:1");
  EXPECT_EQ(AddressIn(""), "");
}

}  // namespace
}  // namespace tcptool::server
