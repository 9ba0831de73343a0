// A recipient's connection in TLS, against OpenSSL's own server.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/tcptool/sender_connection.h"
#include "dataplane/lanes/socket_api.h"
#include "dataplane/tls/tls_context.h"
#include "tests/client/tcptool/tcp_pair.h"
#include "tests/server/certificates.h"

namespace tcptool::client {
namespace {

using dataplane::PemText;
using dataplane::UniqueFd;
using server::TestAuthority;

using Context = std::shared_ptr<SSL_CTX>;

Context Trusting(const TestAuthority& authority) {
  return *dataplane::NewClientContext(
      PemText{.name = "ca", .text = server::ToPem(authority.certificate())},
      {});
}

class SenderConnectionTlsTest : public testing::Test {
 protected:
  SenderConnectionTlsTest() {
    // Of a sender that writes when its recipient has gone.
    std::signal(SIGPIPE, SIG_IGN);
    TcpPair pair;
    sender_ = std::move(pair.sender);
    connection_ = std::make_unique<SenderConnection>(std::move(pair.recipient),
                                                     absl::Minutes(1));
  }

  // What StartTls() says to a sender with this certificate; the connection is
  // gone if that is not OK.
  absl::Status Start(const TestAuthority::Request& request,
                     const Context& client) {
    const server::Issued issued = authority_.Issue(request);
    const Context context = *dataplane::NewServerContext(
        {.certificate = {.name = "certificate",
                         .text = server::ToPem(issued.certificate)},
         .key = {.name = "key", .text = server::ToPem(issued.key)}},
        {});
    ssl_.reset(SSL_new(context.get()));
    SSL_set_fd(ssl_.get(), sender_.get());
    std::thread accepts([this] { SSL_accept(ssl_.get()); });
    absl::Status status =
        connection_->StartTls(client, "sender.example", absl::Minutes(1));
    if (!status.ok()) connection_ = nullptr;
    accepts.join();
    return status;
  }
  void StartWell() { ASSERT_TRUE(Start(kGood, Trusting(authority_)).ok()); }

  bool SenderSays(const std::string& content) {
    return SSL_write(ssl_.get(), content.data(),
                     static_cast<int>(content.size())) > 0;
  }
  void SenderEnds() {
    SSL_shutdown(ssl_.get());
    shutdown(sender_.get(), SHUT_WR);
  }

  // All content until the end, by the buffer that tcptool has; or the error.
  absl::StatusOr<std::string> ReceiveAll() {
    std::string content;
    std::vector<std::byte> buffer(size_t{1} << 20);
    for (;;) {
      const absl::StatusOr<size_t> got =
          connection_->Receive(buffer, absl::Minutes(1));
      if (!got.ok()) return got.status();
      if (*got == 0) return content;
      content.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
  }

  static inline const TestAuthority::Request kGood = {
      .name = "sender", .alternatives = "DNS:sender.example"};
  const TestAuthority authority_{"authority"};
  UniqueFd sender_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, &SSL_free};
  std::unique_ptr<SenderConnection> connection_;
};

TEST_F(SenderConnectionTlsTest, SendsItsByte) {
  StartWell();
  ASSERT_TRUE(connection_->SendByte(true).ok());
  char byte = 0;
  ASSERT_EQ(SSL_read(ssl_.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 1);
}

TEST_F(SenderConnectionTlsTest, ContentIsWholeWithTheEndOfTls) {
  StartWell();
  // More than several buffers, and no multiple of a record.
  const std::string content((size_t{4} << 20) + 1, 'c');
  std::thread sends([&] {
    EXPECT_TRUE(SenderSays(content));
    SenderEnds();
  });
  const absl::StatusOr<std::string> received = ReceiveAll();
  if (!received.ok()) connection_ = nullptr;
  sends.join();
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_TRUE(*received == content);
}

TEST_F(SenderConnectionTlsTest, EndOfTcpAloneIsACut) {
  StartWell();
  ASSERT_TRUE(SenderSays("content"));
  shutdown(sender_.get(), SHUT_WR);
  EXPECT_EQ(ReceiveAll().status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(SenderConnectionTlsTest, ResetIsACut) {
  StartWell();
  ASSERT_TRUE(SenderSays("content"));
  dataplane::ResetAndClose(sender_.release());
  EXPECT_EQ(ReceiveAll().status(),
            absl::UnavailableError("Connection reset by peer"));
}

TEST_F(SenderConnectionTlsTest, SilenceIsGivenUp) {
  StartWell();
  std::byte byte{};
  EXPECT_EQ(
      connection_->Receive({&byte, 1}, absl::Milliseconds(20)).status().code(),
      absl::StatusCode::kDeadlineExceeded);
}

// New keys come all the time, and no content.
TEST_F(SenderConnectionTlsTest, SenderThatSendsNoContentIsGivenUp) {
  StartWell();
  std::atomic<bool> given_up = false;
  bool has_sent_to_the_end = false;
  std::thread sends([&] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!given_up && !has_sent_to_the_end) {
      SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
      SSL_do_handshake(ssl_.get());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      has_sent_to_the_end = std::chrono::steady_clock::now() > end;
    }
  });
  std::vector<std::byte> buffer(size_t{1} << 20);
  const absl::StatusOr<size_t> got =
      connection_->Receive(buffer, absl::Milliseconds(100));
  given_up = true;
  sends.join();
  EXPECT_EQ(got.status(), absl::DeadlineExceededError("100ms"));
  EXPECT_FALSE(has_sent_to_the_end);
}

TEST_F(SenderConnectionTlsTest, WhatIsChangedOnItsWayIsNotTheSendersWord) {
  StartWell();
  const std::string record = absl::StrCat(
      absl::string_view("\x17\x03\x03\0\x40", 5), std::string(64, 'x'));
  ASSERT_EQ(send(sender_.get(), record.data(), record.size(), 0),
            static_cast<ssize_t>(record.size()));
  EXPECT_EQ(ReceiveAll().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SenderConnectionTlsTest, CloseIsTheEndOfTcpAlone) {
  StartWell();
  SenderEnds();
  ASSERT_TRUE(ReceiveAll().ok());
  ASSERT_TRUE(connection_->Close().ok());
  connection_ = nullptr;
  char byte = 0;
  EXPECT_EQ(recv(sender_.get(), &byte, 1, 0), 0);
}

TEST_F(SenderConnectionTlsTest, EveryOtherEndIsAReset) {
  StartWell();
  SenderEnds();
  ASSERT_TRUE(ReceiveAll().ok());
  connection_ = nullptr;
  char byte = 0;
  EXPECT_EQ(recv(sender_.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(SenderConnectionTlsTest, CertificateOfAnotherAuthorityIsRefused) {
  EXPECT_EQ(Start(kGood, Trusting(TestAuthority("another"))).code(),
            absl::StatusCode::kUnauthenticated);
}

TEST_F(SenderConnectionTlsTest, CertificateForAnotherNameIsRefused) {
  EXPECT_EQ(
      Start({.name = "sender.example", .alternatives = "DNS:other.example"},
            Trusting(authority_))
          .code(),
      absl::StatusCode::kNotFound);
}

TEST_F(SenderConnectionTlsTest, CertificateThatHasExpiredIsRefused) {
  TestAuthority::Request expired = kGood;
  expired.days = -1;
  EXPECT_EQ(Start(expired, Trusting(authority_)).code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(SenderConnectionTlsTest, CertificateThatIsForClientsIsRefused) {
  TestAuthority::Request client = kGood;
  client.purpose = "clientAuth";
  EXPECT_EQ(Start(client, Trusting(authority_)).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SenderConnectionTlsTest, SenderThatSaysNothingIsGivenUp) {
  EXPECT_EQ(connection_->StartTls(Trusting(authority_), "sender.example",
                                  absl::Milliseconds(20)),
            absl::DeadlineExceededError("nothing came of it for 20ms"));
}

TEST_F(SenderConnectionTlsTest, SenderWithoutTlsIsRefused) {
  const std::string content = "content in clear text";
  ASSERT_EQ(send(sender_.get(), content.data(), content.size(), 0),
            static_cast<ssize_t>(content.size()));
  EXPECT_EQ(
      connection_
          ->StartTls(Trusting(authority_), "sender.example", absl::Minutes(1))
          .code(),
      absl::StatusCode::kFailedPrecondition);
}

TEST_F(SenderConnectionTlsTest, SenderThatGoesAwayIsUnavailable) {
  dataplane::ResetAndClose(sender_.release());
  EXPECT_EQ(
      connection_
          ->StartTls(Trusting(authority_), "sender.example", absl::Minutes(1))
          .code(),
      absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace tcptool::client
