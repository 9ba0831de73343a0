// When a session starts, and when it ends without having started.
#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "dataplane/content/stream_source.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kSize = 5'000;

asio::ip::address Loopback() { return asio::ip::address_v4::loopback(); }

TEST(StartTest, ReadyRecipientsReachTheirNumber) {
  SessionOptions options;
  options.max_recipients = 2;
  OneSession one(FileOf(Content(kSize)), options);
  const auto first = one.ReadyPeer();
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
  ReadingPeer second(one.port(), 0);
  EXPECT_EQ(first->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(StartTest, RecipientsBeyondTheNumberAreRejected) {
  SessionOptions options;
  options.max_recipients = 1;
  options.limits.handshake_timeout = absl::Seconds(60);
  OneSession one(FileOf(Content(kSize)), options);
  Peer slow(one.port());
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kHandshaking, 1));
  Peer first(one.port());
  first.Say(0);
  ASSERT_TRUE(one.recorder->WaitFor([](const SessionStatus& session) {
    return session.state == SessionState::kTransferring;
  }));
  slow.Say(0);
  EXPECT_EQ(slow.Read().error, ECONNRESET);
  EXPECT_EQ(first.ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->recipient(1).state, RecipientState::kRejected);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kCapacity);
}

TEST(StartTest, OwnerStarts) {
  OneSession one(FileOf(Content(kSize)));
  EXPECT_TRUE(absl::IsFailedPrecondition(one.Call(&Session::Start)));
  // One that is connected is none that is READY.
  Peer silent(one.port());
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kHandshaking, 1));
  EXPECT_TRUE(absl::IsFailedPrecondition(one.Call(&Session::Start)));
  silent.Close();
  const auto peer = one.ReadyPeer();
  EXPECT_TRUE(one.Call(&Session::Start).ok());
  EXPECT_EQ(peer->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_TRUE(absl::IsFailedPrecondition(one.Call(&Session::Start)));
  EXPECT_TRUE(one.Call(&Session::Cancel).ok());
  EXPECT_EQ(one.recorder->session().state, SessionState::kSucceeded);
}

// Leaves record 1 of two expected recipients to whoever connects next: its
// first recipient was READY, and was lost.
void LoseFirstExpected(OneSession& one) {
  one.ReadyPeer()->Reset();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
}

TEST(StartTest, WhoComesBackIsServedOnce) {
  SessionOptions options;
  options.expected = {{Loopback(), "a"}, {Loopback(), "b"}};
  const auto source = std::make_shared<StreamSource>();
  OneSession one(source, options, {.lanes = 1});
  LoseFirstExpected(one);
  const auto again = one.ReadyPeer();
  const auto data = std::make_shared<std::string>(kSize, 'x');
  source->Append({data, std::as_bytes(std::span(*data))});
  source->End();
  ReadingPeer other(one.port(), 1);
  EXPECT_EQ(again->ReadAndClose().data, *data);
  EXPECT_EQ(other.Join().data, *data);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->recipient(1).bytes_sent, kSize);
}

TEST(StartTest, WhoComesBackIsNotServedBeforeItsByte) {
  SessionOptions options;
  options.expected = {{Loopback(), "a"}, {Loopback(), "b"}};
  OneSession one(FileOf(Content(kSize)), options, {.lanes = 1});
  LoseFirstExpected(one);
  Peer again(one.port());
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kHandshaking, 1));
  ReadingPeer other(one.port(), 1);
  EXPECT_EQ(other.Join().data.size(), kSize);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
  EXPECT_EQ(one.recorder->recipient(1).state, RecipientState::kHandshaking);
  again.Say(0);
  EXPECT_EQ(again.ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(StartTest, IgnoredStartByteStartsNothing) {
  SessionOptions options;
  options.start.ignore_start_byte = true;
  OneSession one(FileOf(Content(kSize)), options);
  const auto peer = one.ReadyPeer(1);
  EXPECT_TRUE(one.recorder->recipient(1).start_byte);
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
  EXPECT_TRUE(one.Call(&Session::Start).ok());
  EXPECT_EQ(peer->ReadAndClose().data.size(), kSize);
}

TEST(StartTest, EnoughRecipientsAndTheTimeHasPassed) {
  SessionOptions options;
  options.start.min_recipients = 2;
  options.start.max_wait = absl::Milliseconds(100);
  OneSession one(FileOf(Content(kSize)), options);
  const auto first = one.ReadyPeer();
  ReadingPeer second(one.port(), 0);
  EXPECT_EQ(first->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  const SessionStatus session = one.recorder->session();
  EXPECT_GE(session.start_time - session.create_time, absl::Milliseconds(99));
}

TEST(StartTest, AllExpectedAreReady) {
  SessionOptions options;
  options.expected = {{Loopback(), "a"}, {Loopback(), "b"}};
  OneSession one(FileOf(Content(kSize)), options);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kExpected, 2));
  const auto first = one.ReadyPeer();
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
  ReadingPeer second(one.port(), 0);
  EXPECT_EQ(first->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->recipient(1).label, "a");
  EXPECT_EQ(one.recorder->recipient(2).label, "b");
}

TEST(StartTest, SilentPeerKeepsNoExpectedRecipientFromItsPlace) {
  SessionOptions options;
  options.expected = {{Loopback(), "a"}};
  options.limits.handshake_timeout = absl::Seconds(60);
  OneSession one(FileOf(Content(kSize)), options);
  Peer silent(one.port());
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kHandshaking, 1));
  ReadingPeer real(one.port(), 0);
  EXPECT_EQ(real.Join().data.size(), kSize);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
  EXPECT_EQ(one.recorder->recipient(1).label, "a");
  EXPECT_EQ(one.recorder->recipient(1).state, RecipientState::kDelivered);
  EXPECT_EQ(one.recorder->recipient(2).state, RecipientState::kHandshaking);
  silent.Close();
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(StartTest, PlaceThatFallsVacantGoesToOneThatIsReady) {
  SessionOptions options;
  options.expected = {{Loopback(), "a"},
                      {asio::ip::make_address("127.0.0.2"), "b"}};
  OneSession one(FileOf(Content(kSize)), options);
  const auto ghost = one.ReadyPeer();
  const auto again = one.ReadyPeer();
  ghost->Reset();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  EXPECT_EQ(one.recorder->recipient(1).state, RecipientState::kReady);
  EXPECT_EQ(one.recorder->recipient(1).peer.port(), again->port());
  UniqueFd other = Peer::Unconnected();
  sockaddr_in from{.sin_family = AF_INET};
  from.sin_addr.s_addr = htonl(0x7f000002);
  ASSERT_EQ(bind(other.get(), reinterpret_cast<sockaddr*>(&from), sizeof from),
            0);
  Peer last(std::move(other), one.port());
  last.Say(0);
  EXPECT_EQ(again->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(last.ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

// Hosts of which TCP has heard nothing for long, as long as they are silent.
class SilentHosts : public SocketApi {
 public:
  int Info(int socket, TcpInfo* info) override {
    const int error = SocketApi::Info(socket, info);
    if (silent_) info->last_ack_ms = 60'000;
    return error;
  }
  void set_silent(bool silent) { silent_ = silent; }

 private:
  std::atomic<bool> silent_ = false;
};

TEST(StartTest, HostThatDoesNotAnswerStartsNothing) {
  SilentHosts sockets;
  SessionOptions options;
  options.max_recipients = 2;
  OneSession one(FileOf(Content(kSize)), options, {.sockets = &sockets});
  const auto first = one.ReadyPeer();
  sockets.set_silent(true);
  Peer second(one.port());
  second.Say(0);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 2));
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kConnectionLost);
  EXPECT_EQ(first->Read().error, ECONNRESET);
  // They come again.
  sockets.set_silent(false);
  ReadingPeer third(one.port(), 0);
  ReadingPeer fourth(one.port(), 0);
  EXPECT_EQ(third.Join().data.size(), kSize);
  EXPECT_EQ(fourth.Join().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(StartTest, HostThatAnswersIsServed) {
  SilentHosts sockets;
  SessionOptions options;
  options.max_recipients = 2;
  OneSession one(FileOf(Content(kSize)), options, {.sockets = &sockets});
  const auto first = one.ReadyPeer();
  sockets.set_silent(true);
  const auto second = one.ReadyPeer();
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
  sockets.set_silent(false);
  EXPECT_EQ(first->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(second->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(StartTest, OneMoreThanTheNumberHasThePlaceOfOneThatIsGone) {
  SilentHosts sockets;
  SessionOptions options;
  options.max_recipients = 2;
  OneSession one(FileOf(Content(kSize)), options, {.sockets = &sockets});
  const auto ghost = one.ReadyPeer();
  sockets.set_silent(true);
  const auto second = one.ReadyPeer();
  // While the session looks whether those two are there.
  const auto third = one.ReadyPeer();
  ghost->Reset();
  sockets.set_silent(false);
  EXPECT_EQ(second->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(third->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(StartTest, MissingExpectedRecipientIsNoSuccess) {
  SessionOptions options;
  options.expected = {{Loopback(), "here"},
                      {asio::ip::make_address("192.0.2.1"), "away"}};
  OneSession one(FileOf(Content(kSize)), options);
  ReadingPeer here(one.port(), 1);
  EXPECT_EQ(here.Join().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kPartiallySucceeded);
  EXPECT_EQ(one.recorder->recipient(2).state, RecipientState::kExpected);
}

TEST(StartTest, DroppedRecordIsServedWhenItIsUsedAgain) {
  SessionOptions options;
  options.expected = {{Loopback(), "a"}, {Loopback(), "b"}};
  OneSession one(FileOf(Content(kSize)), options);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kExpected, 2));
  const auto dropped = one.ReadyPeer();
  absl::Notification done;
  one.session().Drop(1, [&done](const absl::Status&) { done.Notify(); });
  done.WaitForNotification();
  EXPECT_EQ(dropped->Read().error, ECONNRESET);
  ReadingPeer again(one.port(), 0);
  ReadingPeer second(one.port(), 0);
  EXPECT_EQ(again.Join().data.size(), kSize);
  EXPECT_EQ(second.Join().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->session().count(RecipientState::kDelivered), 2u);
  EXPECT_EQ(one.recorder->recipients().size(), 2u);
}

TEST(StartTest, RecipientThatWasDeliveredKeepsItsPlace) {
  SessionOptions options;
  options.max_recipients = 1;
  options.limits.handshake_timeout = absl::Seconds(60);
  OneSession one(FileOf(Content(kSize)), options);
  Peer slow(one.port());
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kHandshaking, 1));
  EXPECT_EQ(ReadingPeer(one.port(), 0).Join().data.size(), kSize);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
  slow.Say(0);
  EXPECT_EQ(slow.Read().error, ECONNRESET);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kCapacity);
}

TEST(StartTest, ImmediateSessionKnowsWhomItExpects) {
  SessionOptions options;
  options.start.immediate = true;
  options.expected = {{Loopback(), "a"}};
  OneSession one(FileOf(Content(kSize)), options);
  EXPECT_EQ(ReadingPeer(one.port(), 1).Join().data.size(), kSize);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
  EXPECT_EQ(one.recorder->recipient(1).label, "a");
  EXPECT_EQ(ReadingPeer(one.port(), 1).Join().data.size(), kSize);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 2));
}

TEST(StartTest, WhoIsNotExpectedKeepsNoSessionThatHasDelivered) {
  SessionOptions options;
  options.start = {.immediate = true,
                   .end_when_expected_delivered = true,
                   .others_grace = absl::Milliseconds(100)};
  options.expected = {{Loopback(), "a"}};
  OneSession one(FileOf(Content(32 << 20)), options);
  UniqueFd other = Peer::Unconnected();
  const sockaddr_in from = {.sin_family = AF_INET,
                            .sin_addr = {htonl(INADDR_LOOPBACK + 1)}};
  bind(other.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from);
  Peer slow(std::move(other), one.port(), 4096);
  slow.Say(1);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kTransferring, 1));
  EXPECT_EQ(ReadingPeer(one.port(), 1).Join().data.size(), 32u << 20);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->recipient(2).reason, Reason::kSessionCancelled);
  EXPECT_EQ(slow.Read().error, ECONNRESET);
}

TEST(StartTest, ImmediateSessionServesEachOnArrival) {
  SessionOptions options;
  options.start.immediate = true;
  OneSession one(FileOf(Content(kSize)), options);
  EXPECT_EQ(ReadingPeer(one.port(), 0).Join().data.size(), kSize);
  EXPECT_EQ(ReadingPeer(one.port(), 0).Join().data.size(), kSize);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 2));
  EXPECT_EQ(one.recorder->session().state, SessionState::kTransferring);
  EXPECT_TRUE(one.Call(&Session::Cancel).ok());
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kCancelled);
}

TEST(StartTest, SessionThatNobodyStartsExpires) {
  SessionOptions options;
  options.expire_after = absl::Milliseconds(300);
  OneSession one(FileOf(Content(kSize)), options);
  const auto peer = one.ReadyPeer();
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kExpired);
}

TEST(StartTest, SessionThatIsStartedAtTheLastMomentDoesNotExpire) {
  SessionOptions options;
  options.expire_after = absl::Seconds(1);
  OneSession one(FileOf(Content(kSize)), options, {.lanes = 1});
  const auto peer = one.ReadyPeer();
  // Holds the lane until the time has come, with the start queued behind.
  absl::Notification held;
  absl::Notification started;
  const absl::Time expiry =
      one.session().initial_status().create_time + options.expire_after;
  one.session().Drop(~uint64_t{0}, [&](const absl::Status&) {
    held.Notify();
    started.WaitForNotification();
    while (absl::Now() < expiry) absl::SleepFor(expiry - absl::Now());
  });
  held.WaitForNotification();
  absl::Status status;
  absl::Notification answered;
  one.session().Start([&](absl::Status start) {
    status = std::move(start);
    answered.Notify();
  });
  started.Notify();
  answered.WaitForNotification();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(peer->ReadAndClose().data.size(), kSize);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(StartTest, PortInUseIsRefusedByName) {
  OneSession one(FileOf(Content(kSize)));
  SessionOptions options;
  options.bind_address = Loopback();
  options.port = one.port();
  const auto second = one.engine().CreateSession(
      options, FileOf(Content(kSize)), std::make_shared<Recorder>());
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
  EXPECT_NE(second.status().message().find(std::to_string(one.port())),
            absl::string_view::npos);
}

TEST(StartTest, StrangersAreForgottenButCounted) {
  OneSession one(FileOf(Content(kSize)));
  constexpr uint64_t kPeers = Roster::kMaxStrangers + 50;
  for (uint64_t i = 0; i < kPeers; ++i) Peer(one.port()).Close();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, kPeers));
  EXPECT_EQ(one.recorder->recipients().size(), Roster::kMaxStrangers);
}

}  // namespace
}  // namespace tcptool::dataplane
