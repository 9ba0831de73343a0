// A recipient from its connection to its last byte: the handshake, the wait for
// the start, and what it answers when it is sent to.
#include "dataplane/sending/recipient.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "dataplane/content/stream_source.h"
#include "tests/dataplane/faults.h"
#include "tests/dataplane/sending/one_recipient.h"

namespace tcptool::dataplane {
namespace {

using testing::HasSubstr;
using Wait = Recipient::Wait;

constexpr size_t kSmall = 5'000;
constexpr size_t kLarge = 24'000'001;  // More than any socket's buffers hold.

// A stream that is there already.
std::shared_ptr<Source> StreamOf(const std::string& content) {
  const auto source = std::make_shared<StreamSource>();
  const auto data = std::make_shared<std::string>(content);
  source->Append({data, std::as_bytes(std::span(*data))});
  source->End();
  return source;
}

TEST(RecipientTest, ByteMakesItReadyAndStaysUnread) {
  OneRecipient one;
  one.OpenReady(0x81);
  EXPECT_TRUE(one.owner.status().start_byte);
  EXPECT_LT(one.owner.status().handshake_time, kDeadline);
  // So the kernel resets the connection if this process is killed.
  std::byte byte{};
  EXPECT_EQ(SocketApi::Real().Peek(one.socket(), {&byte, 1}), 1);
  EXPECT_EQ(byte, std::byte{0x81});
}

TEST(RecipientTest, ByteThatCameWithTheConnectionIsSeenAtOnce) {
  OneRecipient one;
  one.peer->Say(0xfe);
  ASSERT_TRUE(Eventually([&] {
    std::byte byte;
    return SocketApi::Real().Peek(one.socket(), {&byte, 1}) == 1;
  }));
  one.Open();
  EXPECT_EQ(one.owner.status().state, RecipientState::kReady);
  EXPECT_FALSE(one.owner.status().start_byte);
}

TEST(RecipientTest, WhoEndsBeforeTheByteIsNoRecipient) {
  OneRecipient one;
  one.Open();
  one.peer->HalfClose();
  ASSERT_TRUE(one.owner.AwaitState(RecipientState::kFailed));
  EXPECT_EQ(one.owner.status().reason, Reason::kHandshakeClosed);
  EXPECT_THAT(one.owner.status().detail, HasSubstr("before it sent its byte"));
  EXPECT_EQ(one.peer->Read().error, ECONNRESET);
}

TEST(RecipientTest, WhoSaysNothingIsNotWaitedForForever) {
  OneRecipient one({.handshake_timeout = absl::Milliseconds(50)});
  one.Open();
  ASSERT_TRUE(one.owner.AwaitState(RecipientState::kFailed));
  EXPECT_EQ(one.owner.status().reason, Reason::kHandshakeTimeout);
  EXPECT_THAT(one.owner.status().detail, HasSubstr("50ms"));
  EXPECT_EQ(one.peer->Read().error, ECONNRESET);
}

TEST(RecipientTest, ReadyOneHasNoTimeLimit) {
  OneRecipient one({.handshake_timeout = absl::Milliseconds(50)});
  one.OpenReady();
  // The timer of a second one, which is set later, has expired by then.
  OneRecipient other({.handshake_timeout = absl::Milliseconds(100)});
  other.Open();
  ASSERT_TRUE(other.owner.AwaitState(RecipientState::kFailed));
  EXPECT_EQ(one.owner.status().state, RecipientState::kReady);
}

TEST(RecipientTest, ResetOfAReadyOneIsSeen) {
  OneRecipient one;
  one.OpenReady();
  one.peer->Reset();
  ASSERT_TRUE(one.owner.AwaitState(RecipientState::kFailed));
  EXPECT_EQ(one.owner.status().reason, Reason::kConnectionLost);
  EXPECT_THAT(one.owner.status().detail, HasSubstr("reset"));
}

TEST(RecipientTest, HalfCloseAndUrgentDataOfAReadyOneAreNoLoss) {
  OneRecipient one;
  one.OpenReady();
  ASSERT_EQ(send(one.peer->fd(), "!", 1, MSG_OOB), 1);
  one.peer->HalfClose();
  ASSERT_TRUE(Eventually([&] {
    return one.Call([&] {
      char byte;
      return TcpState(one.socket()) == TCP_CLOSE_WAIT &&
             recv(one.socket(), &byte, 1, MSG_OOB | MSG_PEEK) < 0 &&
             errno == EINVAL;  // It is not there any more.
    });
  }));
  one.Call([] {});  // What has come is handled.
  EXPECT_EQ(one.owner.status().state, RecipientState::kReady);
  one.peer->Reset();
  EXPECT_TRUE(one.owner.AwaitState(RecipientState::kFailed));
}

// At each look at the socket's error, something else happens first.
class InterruptedSockets : public SocketApi {
 public:
  explicit InterruptedSockets(std::function<void(int socket)> before)
      : before_(std::move(before)) {}
  int TakeError(int socket) override {
    // The first look is the handshake's.
    if (looks_++ == 1) before_(socket);
    return SocketApi::TakeError(socket);
  }

 private:
  const std::function<void(int)> before_;
  int looks_ = 0;
};

// A peer whose urgent pointer is ahead of what the window lets it send: the
// urgent byte that woke the recipient has been superseded by one that is only
// announced, and cannot be read (EAGAIN).
TEST(RecipientTest, ResetBehindAnAnnouncedUrgentByteIsSeen) {
  Connection connection = Connect(0, /*sender_receive_buffer=*/4096);
  Peer& peer = *connection.peer;
  absl::Notification announced;
  InterruptedSockets sockets([&](int socket) {
    // More than the window, and near enough to be announced from its edge.
    const std::string filling(32'000, 'x');
    EXPECT_EQ(send(peer.fd(), filling.data(), filling.size(), 0),
              static_cast<ssize_t>(filling.size()));
    EXPECT_EQ(send(peer.fd(), "!", 1, MSG_OOB), 1);
    char byte;
    EXPECT_TRUE(Eventually([&] {
      return recv(socket, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) < 0 &&
             errno == EAGAIN;
    }));
    announced.Notify();
  });
  OneRecipient one({}, sockets, std::move(connection));
  one.OpenReady();
  ASSERT_EQ(send(peer.fd(), "?", 1, MSG_OOB), 1);
  announced.WaitForNotification();
  one.Call([] {});
  EXPECT_EQ(one.owner.status().state, RecipientState::kReady);
  peer.Reset();
  EXPECT_TRUE(one.owner.AwaitState(RecipientState::kFailed));
  EXPECT_EQ(one.owner.status().reason, Reason::kConnectionLost);
}

// Somebody else has read it.
TEST(RecipientTest, ResetBehindUrgentDataThatIsGoneIsSeen) {
  absl::Notification woken;
  InterruptedSockets sockets([&](int socket) {
    EXPECT_EQ(SocketApi::Real().DropUrgent(socket), 1);
    woken.Notify();
  });
  OneRecipient one({}, sockets);
  one.OpenReady();
  ASSERT_EQ(send(one.peer->fd(), "!", 1, MSG_OOB), 1);
  woken.WaitForNotification();
  one.Call([] {});
  one.peer->Reset();
  EXPECT_TRUE(one.owner.AwaitState(RecipientState::kFailed));
}

TEST(RecipientTest, SendsNoMoreThanItsLimitAtATime) {
  OneRecipient one;
  one.Begin(StreamOf(Content(kSmall)));
  const Recipient::Sent sent = one.Send(1'000);
  EXPECT_EQ(sent.bytes, 1'000u);
  EXPECT_EQ(sent.wait, Wait::kNothing);
  EXPECT_EQ(one.Call([&] { return one.recipient().position(); }), 1'000u);
  EXPECT_EQ(one.SendAll(), Wait::kForever);
  EXPECT_TRUE(one.peer->Read(kSmall).data == Content(kSmall));
}

TEST(RecipientTest, FullSocketIsWaitedFor) {
  OneRecipient one;
  const std::string content = Content(kLarge);
  one.Begin(FileOf(content));
  EXPECT_EQ(one.SendAll(), Wait::kRoom);
  const uint64_t position =
      one.Call([&] { return one.recipient().position(); });
  EXPECT_LT(position, kLarge);
  EXPECT_TRUE(one.peer->Read(position).data == content.substr(0, position));
  EXPECT_TRUE(one.owner.AwaitRoom());
  EXPECT_GT(one.Send().bytes, 0u);
}

TEST(RecipientTest, ContentThatIsNotThereYetIsWaitedFor) {
  OneRecipient one;
  const auto source = std::make_shared<StreamSource>();
  one.Begin(source);
  EXPECT_EQ(one.Send().wait, Wait::kContent);
  EXPECT_EQ(one.owner.status().state, RecipientState::kTransferring);
  const auto data = std::make_shared<std::string>(Content(kSmall));
  source->Append({data, std::as_bytes(std::span(*data))});
  EXPECT_EQ(one.Send().wait, Wait::kNothing);
  EXPECT_EQ(one.Send().wait, Wait::kContent);
  source->End();
  EXPECT_EQ(one.Send().wait, Wait::kForever);
  EXPECT_TRUE(one.peer->Read(kSmall).data == *data);
  EXPECT_EQ(one.owner.status().state, RecipientState::kConfirming);
}

TEST(RecipientTest, ContentThatCannotBeHadIsSaidAndLeftToTheOwner) {
  OneRecipient one;
  const auto source = std::make_shared<StreamSource>();
  one.Begin(source);
  source->Fail(absl::DataLossError("it broke off"));
  const Recipient::Sent sent = one.Send();
  EXPECT_EQ(sent.wait, Wait::kForever);
  EXPECT_EQ(sent.source_error, absl::DataLossError("it broke off"));
  EXPECT_EQ(one.owner.status().state, RecipientState::kTransferring);
}

TEST(RecipientTest, KernelWithoutMemoryIsNoLoss) {
  FaultySockets sockets(
      {.call = Call::kSend, .error = -ENOBUFS, .first = 0, .count = 1});
  OneRecipient one({}, sockets);
  one.Begin(StreamOf(Content(kSmall)));
  EXPECT_EQ(one.Send().wait, Wait::kMemory);
  EXPECT_EQ(one.SendAll(), Wait::kForever);
  EXPECT_TRUE(one.peer->Read(kSmall).data == Content(kSmall));
}

TEST(RecipientTest, SendThatFailsIsALoss) {
  FaultySockets sockets(
      {.call = Call::kSend, .error = -ETIMEDOUT, .first = 0, .count = 1});
  OneRecipient one({}, sockets);
  one.Begin(StreamOf(Content(kSmall)));
  const Recipient::Sent sent = one.Send();
  EXPECT_EQ(sent.wait, Wait::kForever);
  EXPECT_EQ(sent.source_error, absl::OkStatus());
  EXPECT_EQ(one.owner.status().reason, Reason::kConnectionLost);
  EXPECT_EQ(one.peer->Read().error, ECONNRESET);
}

// A block of a file that is on a disk.
class DiskFeed : public Feed {
 public:
  Piece At(uint64_t, SendMethod) override { return piece_; }
  void Moved(uint64_t, uint64_t) override {}
  absl::Status error() const override { return absl::OkStatus(); }
  void Verify(Verified done) override { done(absl::OkStatus()); }

  void Come() { piece_ = {.kind = Piece::Kind::kData, .data = block_}; }

 private:
  std::array<std::byte, kSmall> block_ = {};
  Piece piece_ = {.kind = Piece::Kind::kWait, .of_disk = true};
};

TEST(RecipientTest, DiskHasAnsweredOnceItsBlockIsThere) {
  constexpr auto kLater = std::chrono::minutes(6);
  for (const bool answers : {false, true}) {
    FaultySockets sockets(
        {.call = Call::kSend, .error = -EAGAIN, .first = 0, .count = 1});
    OneRecipient one({.stall_timeout = absl::Hours(1)}, sockets);
    one.Begin(StreamOf(Content(kSmall)));
    one.Call([&] {
      const Clock::time_point now = Clock::now();
      DiskFeed feed;
      EXPECT_EQ(one.recipient().Send(feed, kSmall, now).wait, Wait::kContent);
      if (answers) {
        feed.Come();
        EXPECT_EQ(one.recipient().Send(feed, kSmall, now).wait, Wait::kRoom);
      }
      one.recipient().Measure(now + kLater);
      EXPECT_NE(one.recipient().closed(), answers);
    });
    EXPECT_EQ(one.owner.source_error().ok(), answers);
  }
}

TEST(RecipientTest, WhoAcknowledgesNothingIsStalled) {
  OneRecipient one({.stall_timeout = absl::Milliseconds(50)});
  one.Begin(FileOf(Content(kLarge)));
  EXPECT_EQ(one.SendAll(), Wait::kRoom);
  EXPECT_TRUE(Eventually([&] {
    return one.Call([&] {
      if (one.recipient().in_flight()) one.recipient().Measure(Clock::now());
      return one.recipient().closed();
    });
  }));
  EXPECT_EQ(one.owner.status().reason, Reason::kStalled);
  EXPECT_THAT(one.owner.status().detail, HasSubstr("50ms"));
  // What it has got is no whole: the end is a reset.
  EXPECT_EQ(one.peer->Read().error, ECONNRESET);
}

TEST(RecipientTest, MeasuresWhatIsAcknowledged) {
  OneRecipient one;
  one.Begin(FileOf(Content(kLarge)));
  one.SendAll();
  EXPECT_EQ(one.peer->Read(kSmall).data.size(), kSmall);
  EXPECT_TRUE(Eventually([&] {
    one.Call([&] { one.recipient().Measure(Clock::now()); });
    return one.owner.status().bytes_acked >= kSmall;
  }));
  EXPECT_LE(one.owner.status().bytes_acked, one.owner.status().bytes_sent);
}

// A host of which TCP has heard nothing for long, until it does.
class QuietHost : public SocketApi {
 public:
  int Info(int, TcpInfo* info) override {
    *info = {.state = TCP_ESTABLISHED, .last_ack_ms = is_heard ? 0u : 60'000u};
    return 0;
  }
  std::atomic<bool> is_heard = false;
};

TEST(RecipientTest, ProbeThatIsAnsweredFindsItReady) {
  QuietHost host;
  OneRecipient one({}, host);
  one.OpenReady();
  EXPECT_TRUE(one.Call([&] {
    one.recipient().Probe(Clock::now());
    return one.recipient().is_probed();
  }));
  host.is_heard = true;
  EXPECT_TRUE(one.owner.AwaitAnswer());
  EXPECT_FALSE(one.Call([&] { return one.recipient().is_probed(); }));
  EXPECT_EQ(one.owner.status().state, RecipientState::kReady);
}

TEST(RecipientTest, ProbeThatIsNotAnsweredEndsIt) {
  QuietHost host;
  OneRecipient one({}, host);
  one.OpenReady();
  one.Call([&] { one.recipient().Probe(Clock::now()); });
  EXPECT_TRUE(one.owner.AwaitState(RecipientState::kFailed));
  EXPECT_EQ(one.owner.status().reason, Reason::kConnectionLost);
  EXPECT_THAT(one.owner.status().detail, HasSubstr("did not answer within 3s"));
}

TEST(RecipientTest, HostThatWasHeardOfIsNotProbed) {
  QuietHost host;
  host.is_heard = true;
  OneRecipient one({}, host);
  one.OpenReady();
  EXPECT_FALSE(one.Call([&] {
    one.recipient().Probe(Clock::now());
    return one.recipient().is_probed();
  }));
}

}  // namespace
}  // namespace tcptool::dataplane
