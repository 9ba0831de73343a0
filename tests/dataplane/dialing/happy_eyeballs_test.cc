// Which of several addresses a connection is made to, and how soon.
#include "dataplane/dialing/happy_eyeballs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <memory>

#include "absl/strings/match.h"
#include "tests/dataplane/dialing/listening.h"

namespace tcptool::dataplane {
namespace {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr Clock::time_point kNever = Clock::time_point::max();

absl::StatusOr<UniqueFd> ConnectToFirst(
    const std::vector<tcp::endpoint>& endpoints, Clock::time_point deadline) {
  asio::io_context io;
  absl::StatusOr<UniqueFd> result = absl::UnknownError("it did not end");
  std::make_shared<ConnectionRace>(
      io, endpoints, deadline,
      [&](absl::StatusOr<UniqueFd> socket) { result = std::move(socket); })
      ->Start();
  io.run();
  return result;
}

// Nobody listens there.
tcp::endpoint Refusing() { return Listening().endpoint(); }

TEST(InterleaveFamiliesTest, FamiliesTakeTurnsFromTheFirst) {
  const auto at = [](const char* address) {
    return tcp::endpoint(asio::ip::make_address(address), 1);
  };
  EXPECT_EQ(InterleaveFamilies({at("::1"), at("::2"), at("::3"),
                                at("127.0.0.1"), at("127.0.0.2")}),
            (std::vector<tcp::endpoint>{at("::1"), at("127.0.0.1"), at("::2"),
                                        at("127.0.0.2"), at("::3")}));
  EXPECT_EQ(InterleaveFamilies({at("127.0.0.1")}),
            (std::vector<tcp::endpoint>{at("127.0.0.1")}));
  EXPECT_TRUE(InterleaveFamilies({}).empty());
}

TEST(ConnectionRaceTest, FirstAddressIsPreferred) {
  Listening first;
  Listening second;
  const auto socket =
      ConnectToFirst({first.endpoint(), second.endpoint()}, kNever);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(PeerOf(*socket), first.endpoint());
}

TEST(ConnectionRaceTest, AddressThatDoesNotAnswerCostsOneDelay) {
  BlackHole silent;
  Listening second;
  const Clock::time_point began = Clock::now();
  const auto socket =
      ConnectToFirst({silent.endpoint(), second.endpoint()}, kNever);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(PeerOf(*socket), second.endpoint());
  EXPECT_GE(Clock::now() - began, kConnectionAttemptDelay);
}

TEST(ConnectionRaceTest, AddressThatRefusesCostsNoDelay) {
  BlackHole silent;
  Listening third;
  // Each of the two that refuse hands on at once: the silent one alone waits.
  const auto socket = ConnectToFirst(
      {Refusing(), silent.endpoint(), Refusing(), third.endpoint()}, kNever);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(PeerOf(*socket), third.endpoint());
}

TEST(ConnectionRaceTest, SocketResetsOnClose) {
  Listening listening;
  auto socket = ConnectToFirst({listening.endpoint()}, kNever);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_NE(fcntl(socket->get(), F_GETFL) & O_NONBLOCK, 0);
  const UniqueFd accepted(listening.accept());
  *socket = UniqueFd();
  char byte;
  EXPECT_EQ(recv(accepted.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(ConnectionRaceTest, FailureNamesEachAddressWithItsReason) {
  const tcp::endpoint refusing = Refusing();
  const tcp::endpoint unroutable(asio::ip::make_address("255.255.255.255"), 1);
  const auto socket = ConnectToFirst({refusing, unroutable}, kNever);
  EXPECT_EQ(socket.status().code(), absl::StatusCode::kUnavailable);
  const std::string refused =
      "127.0.0.1:" + std::to_string(refusing.port()) + ": Connection refused";
  EXPECT_TRUE(absl::StartsWith(socket.status().message(), refused + "; 255."))
      << socket.status();
}

TEST(ConnectionRaceTest, DeadlineEndsWhatIsPending) {
  BlackHole silent;
  const auto socket = ConnectToFirst(
      {silent.endpoint()}, Clock::now() + std::chrono::milliseconds(50));
  EXPECT_EQ(socket.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::EndsWith(socket.status().message(), "Connection timed out"))
      << socket.status();
}

TEST(ConnectionRaceTest, NothingIsSaidOfOneThatWasCancelled) {
  BlackHole silent;
  Listening second;
  asio::io_context io;
  const auto race = std::make_shared<ConnectionRace>(
      io, std::vector<tcp::endpoint>{silent.endpoint(), second.endpoint()},
      kNever, [](const absl::StatusOr<UniqueFd>&) { ADD_FAILURE(); });
  race->Start();
  race->Cancel();
  io.run();
}

TEST(ConnectionRaceTest, ManyAddressesMakeNoEndlessMessage) {
  const tcp::endpoint refusing = Refusing();
  const auto socket =
      ConnectToFirst(std::vector<tcp::endpoint>(1000, refusing), kNever);
  EXPECT_LT(socket.status().message().size(), 500u);
}

}  // namespace
}  // namespace tcptool::dataplane
