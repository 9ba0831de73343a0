// The wire protocol's promises to recipients, over real sockets.
#include <gtest/gtest.h>

#include <string_view>

#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kSmall = 5'000;
constexpr size_t kLarge = 24'000'001;  // More than any socket's buffers hold.

TEST(WireTest, EachRecipientGetsEveryByte) {
  const std::string content = Content(kLarge);
  OneSession one(FileOf(content));
  ReadingPeer first(one.port(), 0);
  ReadingPeer second(one.port(), 0);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, 2));
  ReadingPeer last(one.port(), 1);
  for (ReadingPeer* peer : {&first, &second, &last}) {
    EXPECT_EQ(peer->Join().error, 0);
    EXPECT_TRUE(peer->Join().data == content);
  }
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->session().bytes_acked, 3 * kLarge);
}

TEST(WireTest, EmptyContentIsDelivered) {
  OneSession one(FileOf(""));
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(peer.Join().error, 0);
  EXPECT_EQ(peer.Join().data, "");
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(WireTest, OnlyTheLowestBitStarts) {
  OneSession one(FileOf(Content(kSmall)));
  const auto other_bits = one.ReadyPeer(0xfe);
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
  Peer all_bits(one.port());
  all_bits.Say(0xff);
  EXPECT_EQ(other_bits->Read().data.size(), kSmall);
  EXPECT_EQ(all_bits.Read().data.size(), kSmall);
  EXPECT_FALSE(one.recorder->recipient(1).start_byte);
  EXPECT_TRUE(one.recorder->recipient(2).start_byte);
}

TEST(WireTest, SilentPeerBlocksNobodyAndTimesOut) {
  SessionOptions options;
  // The good one has to say its byte within it, too.
  options.limits.handshake_timeout = absl::Seconds(10);
  OneSession one(FileOf(Content(kSmall)), options);
  Peer silent(one.port());
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kHandshaking, 1));
  ReadingPeer last(one.port(), 1);
  EXPECT_EQ(last.Join().data.size(), kSmall);
  EXPECT_EQ(silent.Read().error, ECONNRESET);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kHandshakeTimeout);
}

TEST(WireTest, WhoConnectedBeforeTheStartByteIsServed) {
  OneSession one(FileOf(Content(kSmall)));
  Peer early(one.port());
  ReadingPeer last(one.port(), 1);
  EXPECT_EQ(last.Join().data.size(), kSmall);
  early.Say(0);
  EXPECT_EQ(early.ReadAndClose().data.size(), kSmall);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(WireTest, WhoConnectsAfterTheStartIsRefused) {
  OneSession one(FileOf(Content(kLarge)));
  const auto last = std::make_unique<Peer>(one.port());
  last->Say(1);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kTransferring, 1));
  Peer late(one.port());
  EXPECT_FALSE(late.connected());
}

TEST(WireTest, HalfClosedRecipientIsServedInFull) {
  const std::string content = Content(kLarge);
  OneSession one(FileOf(content));
  Peer peer(one.port());
  peer.Say(1);
  peer.HalfClose();
  EXPECT_TRUE(peer.ReadAndClose().data == content);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(WireTest, InputAfterTheByteIsIgnored) {
  const std::string content = Content(kLarge);
  OneSession one(FileOf(content));
  Peer peer(one.port());
  peer.Say(0);
  const std::string junk(1 << 20, '\xff');
  // As much as the sender's kernel takes; nobody reads it.
  send(peer.fd(), junk.data(), junk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, 1));
  ASSERT_TRUE(one.Call(&Session::Start).ok());
  EXPECT_TRUE(peer.ReadAndClose().data == content);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(WireTest, PeerThatClosesBeforeItsByteFailsAlone) {
  OneSession one(FileOf(Content(kSmall)));
  Peer(one.port()).Close();
  Peer(one.port()).Reset();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 2));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kHandshakeClosed);
  EXPECT_EQ(one.recorder->recipient(2).reason, Reason::kHandshakeClosed);
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(peer.Join().data.size(), kSmall);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(WireTest, ReadyRecipientThatResetsIsLost) {
  OneSession one(FileOf(Content(kSmall)));
  one.ReadyPeer()->Reset();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kConnectionLost);
}

TEST(WireTest, ConnectionThatIsResetAlreadyStartsNothing) {
  OneSession one(FileOf(Content(kSmall)));
  const auto other = one.ReadyPeer();
  // Keeps the lane of the listener, so that all of it is there when it looks.
  absl::Notification held;
  absl::Notification sent;
  one.session().Drop(~uint64_t{0}, [&](const absl::Status&) {
    held.Notify();
    sent.WaitForNotification();
  });
  held.WaitForNotification();
  for (int i = 0; i < 20; ++i) {
    Peer scanner(one.port());
    // Bit 0 of 'G' is set.
    for (const char c : std::string_view("GET / HTTP/1.0\r\n\r\n")) {
      scanner.Say(static_cast<unsigned char>(c));
    }
    scanner.Reset();
  }
  sent.Notify();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 20));
  EXPECT_EQ(one.recorder->session().state, SessionState::kWaiting);
  EXPECT_EQ(one.recorder->session().count(RecipientState::kReady), 1u);
  EXPECT_EQ(one.recorder->recipient(2).reason, Reason::kHandshakeClosed);
}

TEST(WireTest, ReadyRecipientThatResetsAfterUrgentDataIsLost) {
  OneSession one(FileOf(Content(kSmall)), {}, {.lanes = 1});
  const auto peer = one.ReadyPeer();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(send(peer->fd(), "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
    // The lane has had the time to look at it.
    for (int turn = 0; turn < 10; ++turn) {
      absl::Notification looked;
      one.session().Drop(~uint64_t{0},
                         [&](const absl::Status&) { looked.Notify(); });
      looked.WaitForNotification();
    }
  }
  peer->Reset();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kConnectionLost);
}

TEST(WireTest, RecipientKilledInMidTransferIsLostAndTheOthersAreServed) {
  const std::string content = Content(kLarge);
  OneSession one(FileOf(content));
  const auto killed = one.ReadyPeer();
  ReadingPeer last(one.port(), 1);
  EXPECT_EQ(killed->Read(100'000).data.size(), 100'000u);
  killed
      ->Close();  // With unread input, as the kernel does for a killed process.
  EXPECT_TRUE(last.Join().data == content);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kPartiallySucceeded);
  EXPECT_EQ(one.recorder->recipient(1).state, RecipientState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kConnectionLost);
  EXPECT_EQ(one.recorder->recipient(2).state, RecipientState::kDelivered);
}

TEST(WireTest, CancelledTransferIsResetNotEnded) {
  OneSession one(FileOf(Content(kLarge)));
  Peer peer(one.port());
  peer.Say(1);
  ASSERT_EQ(peer.Read(1000).data.size(), 1000u);
  ASSERT_TRUE(one.Call(&Session::Cancel).ok());
  EXPECT_EQ(peer.Read().error, ECONNRESET);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kCancelled);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kSessionCancelled);
}

TEST(WireTest, StoppedEngineResets) {
  OneSession one(FileOf(Content(kLarge)));
  Peer peer(one.port());
  peer.Say(1);
  ASSERT_EQ(peer.Read(1000).data.size(), 1000u);
  one.engine().Stop();
  EXPECT_EQ(peer.Read().error, ECONNRESET);
  EXPECT_EQ(one.recorder->session().state, SessionState::kInterrupted);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kServiceStopped);
}

TEST(WireTest, DroppedRecipientIsResetAndTheOthersAreServed) {
  OneSession one(FileOf(Content(kSmall)));
  const auto dropped = one.ReadyPeer();
  absl::Notification done;
  one.session().Drop(1, [&done](const absl::Status& status) {
    EXPECT_TRUE(status.ok()) << status;
    done.Notify();
  });
  done.WaitForNotification();
  EXPECT_EQ(dropped->Read().error, ECONNRESET);
  EXPECT_EQ(one.recorder->recipient(1).state, RecipientState::kDropped);
  ReadingPeer last(one.port(), 1);
  EXPECT_EQ(last.Join().data.size(), kSmall);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(WireTest, PeerThatNoRuleMatchesIsReset) {
  SessionOptions options;
  ASSERT_TRUE(options.allow.Add("192.0.2.0/24").ok());
  OneSession one(FileOf(Content(kSmall)), options);
  Peer stranger(one.port());
  EXPECT_EQ(stranger.Read().error, ECONNRESET);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kRejected, 1));
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kNotAuthorized);
}

TEST(WireTest, RecipientThatDoesNotCloseIsUnconfirmed) {
  SessionOptions options;
  options.limits.confirm_timeout = absl::Milliseconds(200);
  OneSession one(FileOf(Content(kSmall)), options);
  Peer peer(one.port());
  peer.Say(1);
  EXPECT_EQ(peer.Read().data.size(), kSmall);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kUnconfirmed);
}

TEST(WireTest, RecipientThatReadsNothingStallsAlone) {
  SessionOptions options;
  // Longer than a busy machine keeps the one that reads from reading.
  options.limits.stall_timeout = absl::Seconds(10);
  OneSession one(FileOf(Content(kLarge)), options);
  const auto stalled = one.ReadyPeer();
  ReadingPeer last(one.port(), 1);
  EXPECT_EQ(last.Join().data.size(), kLarge);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kPartiallySucceeded);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kStalled);
}

TEST(WireTest, NoDescriptorIsLeftBehind) {
  const int before = OpenDescriptors();
  {
    Engine engine({});
    for (int round = 0; round < 3; ++round) {
      auto recorder = std::make_shared<Recorder>();
      const auto session =
          engine.CreateSession({}, FileOf(Content(kLarge)), recorder);
      ASSERT_TRUE(session.ok());
      const uint16_t port = (*session)->data_endpoint().port();
      Peer(port).Close();
      Peer lost(port);
      lost.Say(0);
      ASSERT_TRUE(recorder->WaitForCount(RecipientState::kReady, 1));
      ReadingPeer last(port, 1);
      EXPECT_EQ(lost.Read(10).data.size(), 10u);
      lost.Close();
      last.Join();
      EXPECT_EQ(recorder->WaitForEnd(), SessionState::kPartiallySucceeded);
    }
  }
  // Files are closed by threads of their own, a moment after the end; at the
  // start, those of the tests before may not have been closed yet.
  const absl::Time deadline = absl::Now() + kDeadline;
  while (OpenDescriptors() > before && absl::Now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_LE(OpenDescriptors(), before);
}

TEST(WireTest, DualStackListenerTakesBothFamilies) {
  SessionOptions options;
  options.bind_address = asio::ip::address_v6::any();
  ASSERT_TRUE(options.allow.Add("127.0.0.0/8").ok());
  Engine engine({});
  const auto recorder = std::make_shared<Recorder>();
  const auto session =
      engine.CreateSession(options, FileOf(Content(kSmall)), recorder);
  if (absl::IsInvalidArgument(session.status())) {
    GTEST_SKIP() << "no IPv6 here: " << session.status();
  }
  ReadingPeer peer((*session)->data_endpoint().port(), 1);
  EXPECT_EQ(peer.Join().data.size(), kSmall);
  EXPECT_EQ(recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(recorder->recipient(1).peer.address(),
            asio::ip::address_v4::loopback());
}

}  // namespace
}  // namespace tcptool::dataplane
