#include "server/sessions/advertised_address.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>

namespace tcptool::server {
namespace {

using asio::ip::make_address;
using asio::ip::tcp;

tcp::endpoint At(const char* address) { return {make_address(address), 9876}; }

TEST(AdvertisedAddressTest, IsTheOneThatASessionListensOn) {
  const AdvertisedAddress own("");
  EXPECT_EQ(own.EndpointOf(At("192.0.2.7")), "192.0.2.7:9876");
  EXPECT_EQ(own.EndpointOf(At("2001:db8::7")), "[2001:db8::7]:9876");
  EXPECT_EQ(own.EndpointOf(At("127.0.0.1")), "127.0.0.1:9876");
}

TEST(AdvertisedAddressTest, IsTheGivenOneUnlessNobodyCanComeFromElsewhere) {
  const AdvertisedAddress name("node-1.example");
  EXPECT_EQ(name.EndpointOf(At("0.0.0.0")), "node-1.example:9876");
  EXPECT_EQ(name.EndpointOf(At("192.0.2.7")), "node-1.example:9876");
  EXPECT_EQ(name.EndpointOf(At("127.0.0.1")), "127.0.0.1:9876");
  EXPECT_EQ(name.EndpointOf(At("::1")), "[::1]:9876");
  EXPECT_EQ(AdvertisedAddress("2001:db8::9").EndpointOf(At("::")),
            "[2001:db8::9]:9876");
}

// Whatever addresses this machine has: what is told is connected to.
TEST(AdvertisedAddressTest, ReachesASessionThatListensOnAllAddresses) {
  asio::io_context context;
  tcp::acceptor acceptor(context, {tcp::v4(), 0});
  const std::string endpoint =
      AdvertisedAddress("").EndpointOf(acceptor.local_endpoint());
  const size_t colon = endpoint.rfind(':');
  const auto address = make_address(endpoint.substr(0, colon));
  EXPECT_FALSE(address.is_unspecified());
  tcp::socket socket(context);
  socket.connect(
      {address, static_cast<uint16_t>(std::stoi(endpoint.substr(colon + 1)))});
}

// Nothing can be found out then, which is no reason to end the process.
TEST(AdvertisedAddressTest, IsLoopbackWhereNoDescriptorIsLeft) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // All below this are in use.
  const rlimit none = {.rlim_cur = 2, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const std::string v4 = AdvertisedAddress("").EndpointOf(At("0.0.0.0"));
  const std::string v6 = AdvertisedAddress("").EndpointOf(At("::"));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(v4, "127.0.0.1:9876");
  EXPECT_EQ(v6, "[::1]:9876");
}

}  // namespace
}  // namespace tcptool::server
