// The device of a connection's route; tests/system/container_test.py has
// connections to other network namespaces.
#include "dataplane/lanes/route.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "dataplane/base/unique_fd.h"

namespace tcptool::dataplane {
namespace {

// A socket that is connected to a host that is not there: UDP sends nothing for
// it. The kernel refuses where it has no route. `device`: the index of the
// device that the socket is bound to, or 0.
UniqueFd ConnectedTo(const char* address, unsigned int device = 0) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  inet_pton(AF_INET, address, &to.sin_addr);
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (setsockopt(fd.get(), SOL_SOCKET, SO_BINDTOIFINDEX, &device,
                 sizeof device) != 0) {
    return UniqueFd();
  }
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    return UniqueFd();
  }
  return fd;
}

TEST(RouteTest, AddressOfThisHostHasNoDevice) {
  const UniqueFd here = ConnectedTo("127.0.0.1");
  ASSERT_GE(here.get(), 0);
  EXPECT_FALSE(DeviceOfRoute(here.get()).has_value());
}

TEST(RouteTest, WhatIsNotConnectedHasNone) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_FALSE(DeviceOfRoute(fd.get()).has_value());
  EXPECT_FALSE(DeviceOfRoute(-1).has_value());
}

TEST(RouteTest, OtherHostsHaveTheDeviceThatTheKernelNames) {
  const UniqueFd there = ConnectedTo("192.0.2.1");
  if (there.get() < 0) GTEST_SKIP() << "this machine has no route";
  const std::optional<NetworkDevice> device = DeviceOfRoute(there.get());
  ASSERT_TRUE(device.has_value());
  EXPECT_EQ(if_nametoindex(device->name.c_str()),
            static_cast<unsigned int>(device->index));
  EXPECT_EQ(device->address.size(), std::string("52:54:00:12:34:56").size());
  EXPECT_NE(device->name, "lo");
}

// A connection within this host; the server's end.
UniqueFd AcceptedFrom(const char* address) {
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  inet_pton(AF_INET6, address, &at.sin6_addr);
  socklen_t size = sizeof at;
  auto* const name = reinterpret_cast<sockaddr*>(&at);
  const UniqueFd listener(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd client(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int off = 0;
  setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(listener.get(), name, size) != 0 || listen(listener.get(), 1) != 0 ||
      getsockname(listener.get(), name, &size) != 0 ||
      connect(client.get(), name, size) != 0) {
    return UniqueFd();
  }
  return UniqueFd(accept(listener.get(), nullptr, nullptr));
}

TEST(RouteTest, ConnectionWithinThisHostHasComeByLoopback) {
  for (const char* const address : {"::1", "::ffff:127.0.0.1"}) {
    const UniqueFd here = AcceptedFrom(address);
    ASSERT_GE(here.get(), 0) << address;
    const std::optional<NetworkDevice> device = DeviceOfArrival(here.get());
    ASSERT_TRUE(device.has_value()) << address;
    EXPECT_EQ(device->name, "lo") << address;
  }
}

TEST(RouteTest, WhatIsNotConnectedHasNotComeByAny) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_FALSE(DeviceOfArrival(fd.get()).has_value());
  EXPECT_FALSE(DeviceOfArrival(-1).has_value());
}

// The table of routes would name another, or none.
TEST(RouteTest, SocketThatIsBoundToADeviceHasThatOne) {
  const UniqueFd there = ConnectedTo("192.0.2.1", if_nametoindex("lo"));
  ASSERT_GE(there.get(), 0);
  const std::optional<NetworkDevice> device = DeviceOfRoute(there.get());
  ASSERT_TRUE(device.has_value());
  EXPECT_EQ(device->name, "lo");
}

}  // namespace
}  // namespace tcptool::dataplane
