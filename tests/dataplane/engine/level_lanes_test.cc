// Two lanes of a session, each with a recipient: one waits for the other if
// that gets too little of the processor, and for nothing else that becomes of
// it.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "dataplane/lanes/socket_api.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

// Several times as much as a lane may be ahead of another.
constexpr size_t kSize = 32'000'001;

class LevelLanesTest : public testing::Test {
 protected:
  // Recipients are spread by their numbers.
  std::unique_ptr<Peer> Ready() {
    auto peer = one_.ReadyPeer();
    // Whoever waits longer fails the test.
    const timeval deadline = absl::ToTimeval(kDeadline);
    setsockopt(peer->fd(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    return peer;
  }
  bool WaitForDelivered(uint64_t count) {
    return one_.recorder->WaitForCount(RecipientState::kDelivered, count);
  }

  const std::string content_ = Content(kSize);
  OneSession one_{FileOf(content_), {}, {.lanes = 2}};
  const std::unique_ptr<Peer> first_ = Ready();
  const std::unique_ptr<Peer> second_ = Ready();
};

TEST_F(LevelLanesTest, StalledLaneHoldsUpNoOther) {
  ASSERT_TRUE(one_.Call(&Session::Start).ok());
  EXPECT_TRUE(second_->ReadAndClose().data == content_);
  EXPECT_TRUE(WaitForDelivered(1));
}

TEST_F(LevelLanesTest, SlowLaneHoldsUpNoOther) {
  constexpr size_t kPiece = size_t{1} << 20;
  constexpr size_t kSlowPiece = 1000;
  ASSERT_TRUE(one_.Call(&Session::Start).ok());
  std::string received;
  while (received.size() < kSize) {
    const Peer::Result piece =
        second_->Read(std::min(kPiece, kSize - received.size()));
    ASSERT_EQ(piece.error, 0);
    received += piece.data;
    ASSERT_EQ(first_->Read(kSlowPiece).data.size(), kSlowPiece);
  }
  EXPECT_TRUE(received == content_);
  EXPECT_EQ(second_->ReadAndClose().error, 0);
  EXPECT_TRUE(WaitForDelivered(1));
}

TEST_F(LevelLanesTest, FinishedLaneHoldsUpNoOther) {
  ASSERT_TRUE(one_.Call(&Session::Start).ok());
  EXPECT_TRUE(first_->ReadAndClose().data == content_);
  EXPECT_TRUE(WaitForDelivered(1));
  EXPECT_TRUE(second_->ReadAndClose().data == content_);
  EXPECT_EQ(one_.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST_F(LevelLanesTest, LaneThatHasLostItsRecipientHoldsUpNoOther) {
  ASSERT_TRUE(one_.Call(&Session::Start).ok());
  EXPECT_EQ(first_->Read(1000).error, 0);
  first_->Reset();
  EXPECT_TRUE(second_->ReadAndClose().data == content_);
  EXPECT_EQ(one_.recorder->WaitForEnd(), SessionState::kPartiallySucceeded);
}

// Each time it sends to a certain recipient, the lane's thread does not run for
// a while.
class InterruptedSends : public SocketApi {
 public:
  static constexpr absl::Duration kInterruption = absl::Milliseconds(10);

  void Interrupt(uint16_t port) { port_ = port; }

  ssize_t Send(int socket, std::span<const std::byte> data) override {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size);
    const bool interrupted = ntohs(peer.sin_port) == port_;
    if (interrupted) absl::SleepFor(kInterruption);
    const ssize_t sent = SocketApi::Send(socket, data);
    if (sent <= 0) return sent;
    if (interrupted) {
      sent_to_interrupted_ += sent;
    } else if ((sent_to_other_ += sent) == kSize) {
      behind_at_end_ = kSize - sent_to_interrupted_;
    }
    return sent;
  }

  // How much the one lacked when the other had been sent everything.
  uint64_t behind_at_end() const { return behind_at_end_; }

 private:
  std::atomic<uint16_t> port_{0};
  std::atomic<uint64_t> sent_to_interrupted_{0};
  std::atomic<uint64_t> sent_to_other_{0};
  std::atomic<uint64_t> behind_at_end_{kSize};
};

uint64_t BehindAtEnd(const std::string& content) {
  InterruptedSends sockets;
  OneSession one(FileOf(content), {}, {.lanes = 2, .sockets = &sockets});
  const auto interrupted = one.ReadyPeer();
  const auto other = one.ReadyPeer();
  sockets.Interrupt(interrupted->port());
  EXPECT_TRUE(one.Call(&Session::Start).ok());
  // By then it is known what one of the lanes lacks.
  interrupted->Read(size_t{3} << 20);
  std::thread reading([&] { interrupted->ReadAndClose(); });
  other->ReadAndClose();
  reading.join();
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  return sockets.behind_at_end();
}

TEST(InterruptedLaneTest, IsWaitedFor) {
  // On a busy machine whoever reads may be interrupted as well, and that is
  // waited for by nobody.
  constexpr int kTries = 10;
  const std::string content = Content(kSize);
  uint64_t behind = kSize;
  for (int i = 0; i < kTries && behind > kSize / 2; ++i) {
    behind = std::min(behind, BehindAtEnd(content));
  }
  EXPECT_LE(behind, kSize / 2);
}

}  // namespace
}  // namespace tcptool::dataplane
