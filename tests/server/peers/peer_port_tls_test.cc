// What connects to the data port where content goes in TLS: a ticket counts
// within it alone, of who shows a certificate that is good.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <asio/executor_work_guard.hpp>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/peers/peer_port.h"
#include "tests/dataplane/blocking_tls.h"
#include "tests/server/peers/given_connections.h"

namespace tcptool::server {
namespace {

using dataplane::BlockingTls;
using dataplane::Peer;
using dataplane::TlsRole;

class PeerPortTlsTest : public testing::Test {
 protected:
  using Given = GivenConnections::Given;

  void Start(const PeerPort::Limits& limits) {
    port_ = *PeerPort::Listen(
        io_, {asio::ip::address_v4::loopback(), 0}, limits,
        [](const std::string&) -> size_t { return 0; },
        [this](const TicketBook::Secret& secret, DataConnection connection) {
          given_.Add(secret, std::move(connection));
        },
        [this] { return server_; });
    port_->Open();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~PeerPortTlsTest() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  uint16_t port() const { return port_->endpoint().port(); }
  BlockingTls Connect(const std::shared_ptr<SSL_CTX>& client) {
    const Peer peer(port());
    return {dataplane::SocketOf(peer), client, TlsRole::kClient};
  }

  const TestAuthority authority_{"authority"};
  const std::shared_ptr<SSL_CTX> server_ =
      dataplane::ServerOf(authority_, authority_.Issue({.name = "parent"}));
  const std::shared_ptr<SSL_CTX> client_ = dataplane::ClientOf(
      authority_,
      authority_.Issue({.name = "child", .alternatives = "DNS:child"}));
  asio::io_context io_{1};
  const asio::executor_work_guard<asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::unique_ptr<PeerPort> port_;
  std::thread thread_;
  GivenConnections given_;
};

TEST_F(PeerPortTlsTest, ReadsTheTicketWithinTlsAndNotAByteMore) {
  Start({});
  BlockingTls child = Connect(client_);
  ASSERT_EQ(child.Handshake(), BlockingTls::Outcome::kDone)
      << child.tls().error();
  // In one record.
  ASSERT_TRUE(child.Send(std::string(32, 't') + "x"));
  std::optional<Given> given = given_.WaitForOne();
  ASSERT_TRUE(given);
  EXPECT_EQ(given->ticket, std::string(32, 't'));
  ASSERT_NE(given->connection.tls, nullptr);
  EXPECT_EQ(given->connection.tls->names(),
            (std::vector<std::string>{"cn:child", "dns:child"}));
  std::byte byte{};
  EXPECT_EQ(given->connection.tls->Receive(given->connection.socket.get(),
                                           {&byte, 1}),
            1);
  EXPECT_EQ(byte, std::byte{'x'});
}

TEST_F(PeerPortTlsTest, TicketMayComeInPieces) {
  Start({});
  BlockingTls child = Connect(client_);
  ASSERT_EQ(child.Handshake(), BlockingTls::Outcome::kDone);
  for (int i = 0; i < 32; ++i) ASSERT_TRUE(child.Send("t"));
  const std::optional<Given> given = given_.WaitForOne();
  ASSERT_TRUE(given);
  EXPECT_EQ(given->ticket, std::string(32, 't'));
}

TEST_F(PeerPortTlsTest, TicketInClearTextIsNone) {
  Start({});
  Peer peer(port());
  const std::string ticket(32, 't');
  ASSERT_EQ(send(peer.fd(), ticket.data(), ticket.size(), MSG_NOSIGNAL), 32);
  EXPECT_EQ(peer.Read().error, ECONNRESET);
  EXPECT_TRUE(given_.empty());
}

TEST_F(PeerPortTlsTest, CertificatesThatAreNoGoodAreRefused) {
  Start({});
  const TestAuthority other("other");
  const std::shared_ptr<SSL_CTX> without = *dataplane::NewClientContext(
      {.name = "servers", .text = ToPem(authority_.certificate())}, {});
  for (const auto& client :
       {without,
        dataplane::ClientOf(authority_, other.Issue({.name = "child"})),
        dataplane::ClientOf(authority_,
                            authority_.Issue({.name = "child", .days = -1}))}) {
    BlockingTls child = Connect(client);
    // Of TLS 1.3, a client is done before the server has seen its certificate.
    ASSERT_EQ(child.Handshake(), BlockingTls::Outcome::kDone)
        << child.tls().error();
    child.Send(std::string(32, 't'));  // It may have been refused already.
    EXPECT_NE(child.Read().error, 0);
    EXPECT_TRUE(given_.empty());
  }
}

TEST_F(PeerPortTlsTest, HandshakeThatDoesNotEndIsReset) {
  Start({.timeout = std::chrono::milliseconds(100)});
  Peer peer(port());
  // The beginning of a record, of a ClientHello.
  for (const unsigned char byte : {0x16, 0x03, 0x01}) peer.Say(byte);
  EXPECT_EQ(peer.Read().error, ECONNRESET);
}

}  // namespace
}  // namespace tcptool::server
