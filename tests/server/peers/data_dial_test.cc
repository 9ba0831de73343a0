// Connecting to another node's data port, in TLS: to the node that is meant, or
// to nobody.
#include "server/peers/data_dial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "tests/dataplane/blocking_tls.h"
#include "tests/dataplane/receiving/receptions.h"

namespace tcptool::server {
namespace {

using dataplane::BlockingTls;
using dataplane::kDeadline;
using dataplane::ScriptedSender;
using dataplane::TlsRole;
using dataplane::UpstreamConnection;
using testing::AllOf;
using testing::HasSubstr;

constexpr char kHello[] = "the ticket";

class DataDialTest : public testing::Test {
 protected:
  // On its lane, where it may be at work.
  void TearDown() override {
    absl::Notification gone;
    asio::post(lane_.io(), [&] {
      if (dial_ != nullptr) std::exchange(dial_, nullptr)->Cancel();
      gone.Notify();
    });
    gone.WaitForNotification();
  }

  void Start(std::shared_ptr<SSL_CTX> tls, const std::string& name = "") {
    dial_ = std::make_shared<DataDial>(
        lane_,
        DataDial::Options{.target = {.host = "127.0.0.1",
                                     .port = std::to_string(data_.port()),
                                     .wait = absl::ZeroDuration()},
                          .dead_timeout = absl::Seconds(60),
                          .hello = kHello,
                          .tls = std::move(tls),
                          .certificate_name = name},
        [this](absl::StatusOr<UpstreamConnection> connection) {
          result_.emplace(std::move(connection));
          done_.Notify();
        });
    asio::post(lane_.io(), [this] { dial_->Start(); });
    data_.Accept();
  }
  // The node's end, whose certificate has these names.
  std::unique_ptr<BlockingTls> Answer(const TestAuthority& authority,
                                      const std::string& alternatives) {
    return std::make_unique<BlockingTls>(
        data_.Release(),
        dataplane::ServerOf(
            authority_,
            authority.Issue({.name = "common", .alternatives = alternatives})),
        TlsRole::kServer);
  }
  absl::StatusOr<UpstreamConnection>& Result() {
    EXPECT_TRUE(done_.WaitForNotificationWithTimeout(kDeadline));
    return *result_;
  }
  // Why the node with this certificate is not taken for "lab1", or for
  // 127.0.0.1 if there is no name.
  absl::Status WhyNot(const TestAuthority& authority,
                      const std::string& alternatives,
                      const std::string& name) {
    Start(client_, name);
    const auto node = Answer(authority, alternatives);
    if (node->Handshake() == BlockingTls::Outcome::kDone) {
      EXPECT_EQ(node->Read().data, "") << "It has been told the ticket.";
    }
    return Result().status();
  }

  const TestAuthority authority_{"authority"};
  const std::shared_ptr<SSL_CTX> client_ =
      dataplane::ClientOf(authority_, authority_.Issue({.name = "child"}));
  dataplane::DiskThreads disk_;
  dataplane::Lane lane_{dataplane::SocketApi::Real(), disk_};
  ScriptedSender data_;
  std::shared_ptr<DataDial> dial_;
  absl::Notification done_;
  std::optional<absl::StatusOr<UpstreamConnection>> result_;
};

TEST_F(DataDialTest, SaysTheTicketInClearTextWithoutTls) {
  Start(nullptr);
  ASSERT_TRUE(Result().ok()) << Result().status();
  EXPECT_EQ(Result()->tls, nullptr);
  EXPECT_TRUE(Result()->socket.valid());
}

TEST_F(DataDialTest, SaysTheTicketWithinTlsToTheNodeThatIsMeant) {
  Start(client_, "lab1");
  const auto node = Answer(authority_, "DNS:alias,DNS:lab1");
  ASSERT_EQ(node->Handshake(), BlockingTls::Outcome::kDone)
      << node->tls().error();
  EXPECT_EQ(node->Read(sizeof kHello - 1).data, kHello);
  EXPECT_EQ(node->tls().names().front(), "cn:child");
  ASSERT_TRUE(Result().ok()) << Result().status();
  EXPECT_NE(Result()->tls, nullptr);
}

TEST_F(DataDialTest, WithoutANameTheCertificateIsForTheHost) {
  Start(client_);
  const auto node = Answer(authority_, "IP:127.0.0.1");
  ASSERT_EQ(node->Handshake(), BlockingTls::Outcome::kDone)
      << node->tls().error();
  EXPECT_EQ(node->Read(sizeof kHello - 1).data, kHello);
  EXPECT_TRUE(Result().ok()) << Result().status();
}

TEST_F(DataDialTest, CertificateOfAnotherNodeIsRefused) {
  const absl::Status status = WhyNot(authority_, "DNS:lab2", "lab1");
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("\"lab1\""), HasSubstr("dns:lab2")));
}

// Whoever may give out common names makes no nodes by it.
TEST_F(DataDialTest, CommonNameIsNoNodesName) {
  EXPECT_TRUE(
      absl::IsPermissionDenied(WhyNot(authority_, "DNS:lab2", "common")));
}

TEST_F(DataDialTest, CertificateForAnotherHostIsRefused) {
  EXPECT_TRUE(absl::IsPermissionDenied(WhyNot(authority_, "IP:127.0.0.2", "")));
}

TEST_F(DataDialTest, CertificateOfAnotherAuthorityIsRefused) {
  EXPECT_TRUE(absl::IsPermissionDenied(
      WhyNot(TestAuthority("other"), "DNS:lab1", "lab1")));
}

TEST_F(DataDialTest, WhoEndsTheHandshakeIsUnavailable) {
  Start(client_, "lab1");
  data_.Reset();
  EXPECT_TRUE(absl::IsUnavailable(Result().status())) << Result().status();
}

TEST_F(DataDialTest, WhoIsCancelledIsReset) {
  Start(client_, "lab1");
  absl::Notification cancelled;
  asio::post(lane_.io(), [&] {
    dial_->Cancel();
    cancelled.Notify();
  });
  cancelled.WaitForNotification();
  // Behind the ClientHello, if that has been said.
  const dataplane::UniqueFd socket = data_.Release();
  char byte = 0;
  ssize_t got = 0;
  do {
    got = recv(socket.get(), &byte, 1, 0);
  } while (got == 1);
  EXPECT_EQ(got, -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_FALSE(done_.HasBeenNotified());
}

}  // namespace
}  // namespace tcptool::server
