// A recipient's connection against a sender that is a plain socket.
#include "client/tcptool/sender_connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <utility>

#include "dataplane/lanes/socket_api.h"
#include "tests/client/tcptool/tcp_pair.h"

namespace tcptool::client {
namespace {

using dataplane::UniqueFd;

class SenderConnectionTest : public testing::Test {
 protected:
  SenderConnectionTest() {
    TcpPair pair;
    sender_ = std::move(pair.sender);
    connection_ = std::make_unique<SenderConnection>(std::move(pair.recipient),
                                                     absl::Minutes(1));
  }

  // What the sender's recv(2) says: a byte, 0 for an orderly end, or -errno.
  int SenderReads() {
    unsigned char byte;
    const ssize_t got = recv(sender_.get(), &byte, 1, 0);
    return got < 0 ? -errno : got == 0 ? 0 : 256 + byte;
  }

  absl::StatusOr<size_t> Receive(
      absl::Duration timeout = absl::InfiniteDuration()) {
    return connection_->Receive(buffer_, timeout);
  }

  void EndContent() {
    shutdown(sender_.get(), SHUT_WR);
    const absl::StatusOr<size_t> got = Receive();
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(*got, 0u);
  }

  void SenderResets() { dataplane::ResetAndClose(sender_.release()); }

  std::array<std::byte, 16> buffer_;
  UniqueFd sender_;
  std::unique_ptr<SenderConnection> connection_;
};

TEST_F(SenderConnectionTest, SendsItsByte) {
  ASSERT_TRUE(connection_->SendByte(false).ok());
  EXPECT_EQ(SenderReads(), 256);
  ASSERT_TRUE(connection_->SendByte(true).ok());
  EXPECT_EQ(SenderReads(), 257);
}

TEST_F(SenderConnectionTest, ReceivesWhatComesAndItsEnd) {
  ASSERT_EQ(send(sender_.get(), "abc", 3, 0), 3);
  const auto got = Receive();
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, 3u);
  EndContent();
}

TEST_F(SenderConnectionTest, SilenceIsGivenUp) {
  EXPECT_EQ(Receive(absl::Milliseconds(20)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SenderConnectionTest, ResetIsAnError) {
  SenderResets();
  EXPECT_EQ(Receive().status(),
            absl::UnavailableError("Connection reset by peer"));
}

TEST_F(SenderConnectionTest, ResetRightBehindTheEndIsAnError) {
  shutdown(sender_.get(), SHUT_WR);
  SenderResets();
  EXPECT_EQ(Receive().status(),
            absl::UnavailableError("Connection reset by peer"));
}

TEST_F(SenderConnectionTest, ResetBeforeItIsClosedIsAnError) {
  EndContent();
  SenderResets();
  EXPECT_EQ(connection_->Close(),
            absl::UnavailableError("Connection reset by peer"));
}

TEST_F(SenderConnectionTest, CloseIsAnOrderlyEnd) {
  EndContent();
  ASSERT_TRUE(connection_->Close().ok());
  connection_ = nullptr;
  EXPECT_EQ(SenderReads(), 0);
}

TEST_F(SenderConnectionTest, SenderThatHasClosedItsSocketIsTold) {
  EndContent();
  sender_ = UniqueFd();
  EXPECT_TRUE(connection_->Close().ok());
}

TEST_F(SenderConnectionTest, EveryOtherEndIsAReset) {
  EndContent();
  connection_ = nullptr;
  EXPECT_EQ(SenderReads(), -ECONNRESET);
}

TEST_F(SenderConnectionTest, NamesItsPeer) {
  EXPECT_EQ(connection_->PeerName().find("127.0.0.1:"), 0u);
}

}  // namespace
}  // namespace tcptool::client
