// What connects to the data port is held, briefly, until its ticket has come.
#include "server/peers/peer_port.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <asio/executor_work_guard.hpp>
#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/dataplane/testing.h"
#include "tests/server/peers/given_connections.h"

namespace {

// As where the kernel has no more watches for the user: epoll_ctl(2), ENOSPC.
std::atomic<bool> has_no_watches{false};

}  // namespace

// In the place of the C library's, whose names begin with two underscores.
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
extern "C" int epoll_ctl(int epoll, int operation, int fd,
                         epoll_event* event) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&epoll_ctl)>(dlsym(RTLD_NEXT, "epoll_ctl"));
  if (operation == EPOLL_CTL_ADD && has_no_watches) {
    errno = ENOSPC;
    return -1;
  }
  return real(epoll, operation, fd, event);
}

namespace tcptool::server {
namespace {

using dataplane::Peer;
using dataplane::UniqueFd;

class PeerPortTest : public testing::Test {
 protected:
  using Given = GivenConnections::Given;

  void Start(const PeerPort::Limits& limits) {
    port_ = *PeerPort::Listen(
        io_, {asio::ip::address_v4::loopback(), 0}, limits,
        [this](const std::string& host) -> size_t {
          return holders_.contains(host) ? tickets_.load() : 0;
        },
        [this](const TicketBook::Secret& secret, DataConnection connection) {
          given_.Add(secret, std::move(connection));
        });
    port_->Open();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~PeerPortTest() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  uint16_t port() const { return port_->endpoint().port(); }
  static void Say(const Peer& peer, const std::string& text) {
    EXPECT_EQ(send(peer.fd(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // A socket of 127.0.0.2, or a later address.
  static UniqueFd AtOtherHost(uint32_t number = 0) {
    UniqueFd socket = Peer::Unconnected();
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number);
    EXPECT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof address),
              0);
    return socket;
  }

  asio::io_context io_{1};
  const asio::executor_work_guard<asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::unique_ptr<PeerPort> port_;
  std::thread thread_;
  // Hosts that have tickets, set before Start(); and how many each.
  std::set<std::string> holders_ = {
      HostOf(asio::ip::make_address("127.0.0.2"))};
  std::atomic<size_t> tickets_{0};
  GivenConnections given_;
};

TEST_F(PeerPortTest, ReadsTheTicketAndNotAByteMore) {
  Start({});
  const std::string ticket(32, 't');
  Peer peer(port());
  Say(peer, ticket + "x");
  const std::optional<Given> given = given_.WaitForOne();
  ASSERT_TRUE(given);
  EXPECT_EQ(given->ticket, ticket);
  EXPECT_EQ(given->connection.peer.port(), peer.port());
  char byte = 0;
  EXPECT_EQ(recv(given->connection.socket.get(), &byte, 1, MSG_DONTWAIT), 1);
  EXPECT_EQ(byte, 'x');
}

TEST_F(PeerPortTest, TicketMayComeInPieces) {
  Start({});
  Peer peer(port());
  for (int i = 0; i < 32; ++i) Say(peer, std::string(1, 'a' + i % 26));
  const std::optional<Given> given = given_.WaitForOne();
  ASSERT_TRUE(given);
  EXPECT_EQ(given->ticket, "abcdefghijklmnopqrstuvwxyzabcdef");
}

TEST_F(PeerPortTest, WhoIsSilentIsReset) {
  Start({.timeout = std::chrono::milliseconds(100)});
  Peer silent(port());
  Peer slow(port());
  slow.Say('t');  // It may have been reset already.
  EXPECT_EQ(silent.Read().error, ECONNRESET);
  EXPECT_EQ(slow.Read().error, ECONNRESET);
}

TEST_F(PeerPortTest, WhoEndsEarlyIsReset) {
  Start({});
  Peer peer(port());
  Say(peer, std::string(31, 't'));
  peer.HalfClose();
  EXPECT_EQ(peer.Read().error, ECONNRESET);
}

TEST_F(PeerPortTest, ConnectionThatCannotBeWatchedIsReset) {
  Start({});
  has_no_watches = true;
  EXPECT_EQ(Peer(port()).Read().error, ECONNRESET);
  has_no_watches = false;
  Peer peer(port());
  Say(peer, std::string(32, 't'));
  EXPECT_TRUE(given_.WaitForOne());
}

TEST_F(PeerPortTest, TheOldestMakesRoom) {
  // Half of them for one host.
  Start({.timeout = std::chrono::hours(1), .most_waiting = 4});
  Peer oldest(port());
  Peer second(port());
  Peer third(port());
  EXPECT_EQ(oldest.Read().error, ECONNRESET);
  Say(second, std::string(32, '2'));
  Say(third, std::string(32, '3'));
  EXPECT_TRUE(given_.WaitForOne());
  EXPECT_TRUE(given_.WaitForOne());
}

// However many connections another host makes meanwhile.
TEST_F(PeerPortTest, OneHostKeepsNoOtherOff) {
  Start({.timeout = std::chrono::hours(1), .most_waiting = 4});
  Peer distant(port());
  std::vector<std::unique_ptr<Peer>> near;
  for (int i = 0; i < 20; ++i) {
    near.push_back(std::make_unique<Peer>(AtOtherHost(), port()));
    ASSERT_TRUE(near.back()->connected());
  }
  // All but the last two have made room, for their own.
  for (int i = 0; i < 18; ++i) EXPECT_EQ(near[i]->Read().error, ECONNRESET);
  Say(distant, std::string(32, 'd'));
  const std::optional<Given> given = given_.WaitForOne();
  ASSERT_TRUE(given);
  EXPECT_EQ(given->connection.peer.port(), distant.port());
}

TEST_F(PeerPortTest, ManyHostsKeepNobodyOffWhoHasATicket) {
  Start({.timeout = std::chrono::hours(1), .most_waiting = 4});
  tickets_ = 1;
  Peer node(AtOtherHost(), port());
  // Its host has one ticket, and no place that is kept for a second one.
  Peer second(AtOtherHost(), port());
  std::vector<std::unique_ptr<Peer>> strangers;
  for (uint32_t i = 1; i <= 20; ++i) {
    strangers.push_back(std::make_unique<Peer>(AtOtherHost(i), port()));
    ASSERT_TRUE(strangers.back()->connected());
  }
  EXPECT_EQ(second.Read().error, ECONNRESET);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(strangers[i]->Read().error, ECONNRESET);
  }
  Say(node, std::string(32, 'n'));
  const std::optional<Given> given = given_.WaitForOne();
  ASSERT_TRUE(given);
  EXPECT_EQ(given->connection.peer.port(), node.port());
}

TEST_F(PeerPortTest, HoldersOfManyTicketsKeepNobodyOff) {
  holders_.insert(HostOf(asio::ip::make_address("127.0.0.3")));
  tickets_ = 8;
  Start({.timeout = std::chrono::hours(1), .most_waiting = 4});
  std::vector<std::unique_ptr<Peer>> holders;
  for (const uint32_t number : {0, 1, 0, 1}) {
    holders.push_back(std::make_unique<Peer>(AtOtherHost(number), port()));
    ASSERT_TRUE(holders.back()->connected());
  }
  Peer node(AtOtherHost(2), port());
  Say(node, std::string(32, 'n'));
  const std::optional<Given> given = given_.WaitForOne();
  ASSERT_TRUE(given);
  EXPECT_EQ(given->connection.peer.port(), node.port());
}

TEST_F(PeerPortTest, GivenConnectionsResetOnClose) {
  Start({});
  Peer peer(port());
  Say(peer, std::string(32, 't'));
  ASSERT_TRUE(given_.WaitForOne());  // And drops it.
  EXPECT_EQ(peer.Read().error, ECONNRESET);
}

}  // namespace
}  // namespace tcptool::server
