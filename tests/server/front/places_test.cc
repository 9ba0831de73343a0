#include "server/front/places.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

using Id = Places::Id;

Id Enter(Places& places, const std::string& host) {
  const Places::Entry entry = places.Enter(host);
  EXPECT_TRUE(entry.id.has_value()) << host;
  EXPECT_EQ(entry.turned_out, std::nullopt) << host;
  return entry.id.value_or(0);
}

Id EnterTrusted(Places& places, const std::string& host) {
  const Id id = Enter(places, host);
  places.Trust(id);
  return id;
}

TEST(PlacesTest, LeavesHalfToOtherHosts) {
  Places places(4);
  const Id first = EnterTrusted(places, "a");
  EnterTrusted(places, "a");
  EXPECT_EQ(places.Enter("a").id, std::nullopt);
  Enter(places, "b");
  places.Leave(first);
  Enter(places, "a");
  EXPECT_EQ(places.TakenBy("a"), 2);
  EXPECT_EQ(places.TakenBy("b"), 1);
  EXPECT_EQ(places.taken(), 3);
}

TEST(PlacesTest, HasAHostsOldestStrangerMakeRoomForItsNewOne) {
  Places places(8);
  EnterTrusted(places, "a");
  const Id second = Enter(places, "a");
  const Id third = Enter(places, "a");
  Enter(places, "a");
  Enter(places, "b");
  // Others have nothing to do with it, while there are places.
  EXPECT_EQ(places.Enter("a").turned_out, second);
  EXPECT_EQ(places.Enter("a").turned_out, third);
  EXPECT_EQ(places.TakenBy("a"), 4);
  EXPECT_EQ(places.taken(), 5);
}

TEST(PlacesTest, HasTheOldestStrangerOfTheHostWithTheMostMakeRoom) {
  Places places(6);
  Enter(places, "a");
  const Id first = Enter(places, "b");
  const Id second = Enter(places, "c");
  Enter(places, "c");
  Enter(places, "b");
  EnterTrusted(places, "b");
  // "c" has as many strangers as "b", which has an older one.
  EXPECT_EQ(places.Enter("d").turned_out, first);
  EXPECT_EQ(places.Enter("e").turned_out, second)
      << "who has shown credentials does not count against b";
  EXPECT_EQ(places.TakenBy("b"), 2);
  EXPECT_EQ(places.TrustedOf("b"), 1);
  EXPECT_EQ(places.TakenBy("c"), 1);
}

TEST(PlacesTest, LetsNoHostTakeThePlaceOfOneThatHasNoMoreStrangers) {
  Places places(6);
  for (int i = 0; i < 2; ++i) {
    for (const char* host : {"a", "b", "c"}) Enter(places, host);
  }
  // Its own.
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(places.Enter("a").turned_out.has_value());
    EXPECT_EQ(places.TakenBy("a"), 2);
    EXPECT_EQ(places.TakenBy("b"), 2);
  }
}

TEST(PlacesTest, LetsAHostInWhoseConnectionsHaveShownCredentials) {
  // As many hosts as you like hold as many connections as the operator has.
  Places places(8);
  EnterTrusted(places, "operator");
  EnterTrusted(places, "operator");
  const Id oldest = Enter(places, "a");
  for (const char* host : {"a", "b", "b", "c", "c"}) Enter(places, host);
  const Places::Entry entry = places.Enter("operator");
  ASSERT_TRUE(entry.id.has_value());
  EXPECT_EQ(entry.turned_out, oldest);
  places.Trust(*entry.id);
  EXPECT_EQ(places.TakenBy("operator"), 3);
  // One who is trusted twice, and leaves, is counted once.
  places.Trust(*entry.id);
  places.Leave(*entry.id);
  EXPECT_EQ(places.TakenBy("operator"), 2);
  Enter(places, "operator");
  EXPECT_TRUE(places.Enter("operator").turned_out.has_value());
}

TEST(PlacesTest, TurnsNobodyOutWhoHasShownCredentials) {
  Places places(2);
  EnterTrusted(places, "a");
  EnterTrusted(places, "b");
  EXPECT_EQ(places.Enter("c").id, std::nullopt);
  EXPECT_EQ(places.Enter("a").id, std::nullopt);
}

TEST(PlacesTest, LetsAnybodyInWhileStrangersHaveAllPlaces) {
  for (const int hosts : {2, 3, 100}) {
    Places places(100);
    for (int i = 0; i < 1000; ++i) places.Enter(absl::StrCat(i % hosts));
    EXPECT_EQ(places.taken(), 100);
    const Places::Entry entry = places.Enter("operator");
    ASSERT_TRUE(entry.id.has_value()) << hosts;
    places.Trust(*entry.id);
    // It stays, whatever comes.
    for (int i = 0; i < 1000; ++i) places.Enter(absl::StrCat(i % hosts));
    EXPECT_EQ(places.TakenBy("operator"), 1);
    EXPECT_EQ(places.taken(), 100);
  }
}

TEST(PlacesTest, LetsAUnixSocketHaveAll) {
  Places places(4);
  std::vector<Id> ids;
  ids.reserve(4);
  for (int i = 0; i < 4; ++i) ids.push_back(Enter(places, ""));
  EXPECT_EQ(places.Enter("").turned_out, ids[0]);
}

TEST(PlacesTest, ForgetsWhoWasTurnedOut) {
  Places places(1);
  const Id first = Enter(places, "a");
  const Places::Entry second = places.Enter("a");
  EXPECT_EQ(second.turned_out, first);
  places.Trust(first);
  places.Leave(first);
  EXPECT_EQ(places.taken(), 1);
  places.Leave(*second.id);
  EXPECT_EQ(places.taken(), 0);
}

sockaddr_storage AddressOf(const char* text) {
  sockaddr_storage address{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    address.ss_family = AF_INET;
  } else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
    address.ss_family = AF_INET6;
  } else {
    address.ss_family = AF_UNIX;
  }
  return address;
}

TEST(HostOfTest, IsAnAddressOrOfIpv6ANetwork) {
  const auto host = [](const char* text) { return HostOf(AddressOf(text)); };
  EXPECT_NE(host("192.0.2.1"), host("192.0.2.2"));
  EXPECT_EQ(host("192.0.2.1"), host("::ffff:192.0.2.1"));
  EXPECT_EQ(host("2001:db8::1"), host("2001:db8::2:1"));
  EXPECT_NE(host("2001:db8::1"), host("2001:db8:0:1::1"));
  EXPECT_EQ(host("a Unix socket"), "");
  for (const char* text : {"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"}) {
    EXPECT_EQ(HostOf(asio::ip::make_address(text)), host(text));
  }
}

}  // namespace
}  // namespace tcptool::server
