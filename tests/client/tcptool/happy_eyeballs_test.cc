// Which of several addresses a connection is made to, and how soon.
#include "client/tcptool/happy_eyeballs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <asio/ip/tcp.hpp>

#include "absl/strings/match.h"

namespace tcptool::client {
namespace {

using asio::ip::tcp;
using dataplane::UniqueFd;
using Clock = std::chrono::steady_clock;

constexpr Clock::time_point kNever = Clock::time_point::max();

tcp::endpoint NameOf(int socket) {
  tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  getsockname(socket, endpoint.data(), &size);
  endpoint.resize(size);
  return endpoint;
}

tcp::endpoint PeerOf(const UniqueFd& socket) {
  tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  getpeername(socket.get(), endpoint.data(), &size);
  endpoint.resize(size);
  return endpoint;
}

// Listens on a port of 127.0.0.1 that the kernel picks.
class Listening {
 public:
  explicit Listening(int backlog = 16)
      : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
    EXPECT_EQ(bind(socket_.get(), any.data(), any.size()), 0);
    EXPECT_EQ(listen(socket_.get(), backlog), 0);
  }
  tcp::endpoint endpoint() const { return NameOf(socket_.get()); }
  int accept() { return ::accept(socket_.get(), nullptr, nullptr); }

 private:
  const UniqueFd socket_;
};

// Answers no attempt: its queue is full, and the kernel drops what more comes.
class BlackHole {
 public:
  BlackHole() : listening_(0) {
    for (UniqueFd& filler : fillers_) {
      filler = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      const tcp::endpoint endpoint = listening_.endpoint();
      connect(filler.get(), endpoint.data(), endpoint.size());
    }
  }
  tcp::endpoint endpoint() const { return listening_.endpoint(); }

 private:
  Listening listening_;
  UniqueFd fillers_[3];
};

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

TEST(ConnectToFirstTest, FirstAddressIsPreferred) {
  Listening first;
  Listening second;
  const auto socket =
      ConnectToFirst({first.endpoint(), second.endpoint()}, kNever);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(PeerOf(*socket), first.endpoint());
}

TEST(ConnectToFirstTest, AddressThatDoesNotAnswerCostsOneDelay) {
  BlackHole silent;
  Listening second;
  const Clock::time_point began = Clock::now();
  const auto socket =
      ConnectToFirst({silent.endpoint(), second.endpoint()}, kNever);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(PeerOf(*socket), second.endpoint());
  EXPECT_GE(Clock::now() - began, kConnectionAttemptDelay);
}

TEST(ConnectToFirstTest, AddressThatRefusesCostsNoDelay) {
  BlackHole silent;
  Listening third;
  // Each of the two that refuse hands on at once: the silent one alone waits.
  const auto socket = ConnectToFirst(
      {Refusing(), silent.endpoint(), Refusing(), third.endpoint()}, kNever);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(PeerOf(*socket), third.endpoint());
}

TEST(ConnectToFirstTest, SocketBlocksAndResetsOnClose) {
  Listening listening;
  auto socket = ConnectToFirst({listening.endpoint()}, kNever);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(fcntl(socket->get(), F_GETFL) & O_NONBLOCK, 0);
  const UniqueFd accepted(listening.accept());
  *socket = UniqueFd();
  char byte;
  EXPECT_EQ(recv(accepted.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(ConnectToFirstTest, FailureNamesEachAddressWithItsReason) {
  const tcp::endpoint refusing = Refusing();
  const tcp::endpoint unroutable(asio::ip::make_address("255.255.255.255"), 1);
  const auto socket = ConnectToFirst({refusing, unroutable}, kNever);
  EXPECT_EQ(socket.status().code(), absl::StatusCode::kUnavailable);
  const std::string refused =
      "127.0.0.1:" + std::to_string(refusing.port()) + ": Connection refused";
  EXPECT_TRUE(absl::StartsWith(socket.status().message(), refused + "; 255."))
      << socket.status();
}

TEST(ConnectToFirstTest, DeadlineEndsWhatIsPending) {
  BlackHole silent;
  const auto socket = ConnectToFirst(
      {silent.endpoint()}, Clock::now() + std::chrono::milliseconds(50));
  EXPECT_EQ(socket.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::EndsWith(socket.status().message(), "Connection timed out"))
      << socket.status();
}

TEST(ConnectToFirstTest, ManyAddressesMakeNoEndlessMessage) {
  const tcp::endpoint refusing = Refusing();
  const auto socket =
      ConnectToFirst(std::vector<tcp::endpoint>(1000, refusing), kNever);
  EXPECT_LT(socket.status().message().size(), 500u);
}

}  // namespace
}  // namespace tcptool::client
