// A content from a sender of the old wire is under its name when it is whole,
// and only then.
#include "dataplane/receiving/reception.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>

#include "dataplane/receiving/sender_socket.h"
#include "tests/dataplane/receiving/receptions.h"

namespace tcptool::dataplane {
namespace {

using Call = FaultyFiles::Call;
using Names = std::set<std::string>;

TEST(ReceptionTest, ReceivesFromASender) {
  const Folder folder;
  ScriptedSender sender;
  ReceptionOptions options;
  options.compute_sha256 = true;
  OneReception one(sender.Upstream(), folder, std::move(options));
  EXPECT_EQ(sender.AcceptAndReadByte(), 0);
  ASSERT_TRUE(one.recorder->WaitForState(ReceptionState::kWaiting));
  ASSERT_TRUE(sender.Send(TheContent().substr(0, 100'000)));
  ASSERT_TRUE(one.recorder->WaitForBytes(100'000));
  EXPECT_EQ(one.recorder->status().state, ReceptionState::kReceiving);
  EXPECT_EQ(folder.Names(), Names{".tcptool-part.r1"});
  ASSERT_TRUE(sender.Send(TheContent().substr(100'000)));
  sender.End();
  // The proof for the sender comes when the content has its name.
  EXPECT_EQ(sender.ReadEnd(), 0);
  EXPECT_EQ(folder.Names(), Names{"content"});
  EXPECT_TRUE(folder.Get("content") == TheContent());
  const ReceptionStatus status = one.recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kSucceeded);
  EXPECT_EQ(status.detail, "");
  EXPECT_EQ(status.content_length, kSize);
  EXPECT_EQ(status.bytes_received, kSize);
  EXPECT_EQ(status.bytes_verified, kSize);
  EXPECT_EQ(status.bytes_durable, kSize);
  EXPECT_EQ(status.sha256, Sha256Of(TheContent()));
  EXPECT_EQ(status.root, Root(ManifestOf(TheContent())));
  EXPECT_EQ(status.peer.port(), sender.port());
}

TEST(ReceptionTest, StartByteIsSaid) {
  const Folder folder;
  ScriptedSender sender;
  OneReception one(sender.Upstream(/*start=*/true), folder);
  EXPECT_EQ(sender.AcceptAndReadByte(), 1);
}

TEST(ReceptionTest, ContentsOfAnyLength) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{kManifestBlock - 1},
                            size_t{kManifestBlock}, size_t{kManifestBlock + 1},
                            size_t{40 * kManifestBlock + 3}}) {
    const Folder folder;
    ScriptedSender sender;
    const std::string content = Content(size);
    ReceptionOptions options;
    options.expected_length = size;
    options.expected_sha256 = Sha256Of(content);
    OneReception one(sender.Upstream(), folder, std::move(options));
    EXPECT_EQ(sender.AcceptAndReadByte(), 0);
    ASSERT_TRUE(sender.Send(content));
    sender.End();
    EXPECT_EQ(one.recorder->WaitForEnd().state, ReceptionState::kSucceeded)
        << size << ": " << one.recorder->status().detail;
    EXPECT_TRUE(folder.Get("content") == content) << size;
    EXPECT_EQ(sender.ReadEnd(), 0);
  }
}

TEST(ReceptionTest, NobodyListens) {
  const Folder folder;
  ScriptedSender sender;
  sender.StopListening();
  OneReception one(sender.Upstream(), folder);
  const ReceptionStatus status = one.recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kUnreachable);
  EXPECT_NE(status.detail.find("Connection refused"), std::string::npos);
  one.Finish();
  EXPECT_TRUE(folder.Names().empty());
}

TEST(ReceptionTest, LookingForSilenceTakesNoResetAway) {
  ScriptedSender sender;
  const Peer peer(sender.port());
  sender.Accept();
  EXPECT_TRUE(IsSilent(peer.fd()));
  sender.Send("some");
  pollfd input = {.fd = peer.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&input, 1, 30'000), 1);
  EXPECT_FALSE(IsSilent(peer.fd()));
  char buffer[16];
  EXPECT_EQ(recv(peer.fd(), buffer, sizeof buffer, 0), 4);
  sender.Reset();
  EXPECT_EQ(poll(&input, 1, 30'000), 1);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(IsSilent(peer.fd()));
  EXPECT_EQ(recv(peer.fd(), buffer, sizeof buffer, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

// What the recipient of an existing file keeps.
class CutTest : public testing::TestWithParam<bool> {
 protected:
  CutTest() {
    if (GetParam()) folder_.Put("content", "old");
  }
  ReceptionOptions Options() const {
    ReceptionOptions options;
    options.destination.overwrite = GetParam();
    return options;
  }
  void ExpectNothingHalfDone(OneReception& one) {
    one.Finish();
    EXPECT_EQ(folder_.Names(), GetParam() ? Names{"content"} : Names());
    EXPECT_EQ(folder_.Get("content"), GetParam() ? "old" : "");
  }

  const Folder folder_;
  ScriptedSender sender_;
};

INSTANTIATE_TEST_SUITE_P(WithAndWithoutAnOldFile, CutTest, testing::Bool());

TEST_P(CutTest, ResetBeforeTheEnd) {
  OneReception one(sender_.Upstream(), folder_, Options());
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(sender_.Send(TheContent()));
  ASSERT_TRUE(one.recorder->WaitForBytes(kSize));
  sender_.Reset();
  const ReceptionStatus status = one.recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kConnectionLost);
  EXPECT_NE(status.detail.find(std::to_string(kSize)), std::string::npos);
  ExpectNothingHalfDone(one);
}

TEST_P(CutTest, ResetBeforeAByte) {
  OneReception one(sender_.Upstream(), folder_, Options());
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(one.recorder->WaitForState(ReceptionState::kWaiting));
  sender_.Reset();
  EXPECT_EQ(one.recorder->WaitForEnd().reason,
            ReceptionReason::kConnectionLost);
  ExpectNothingHalfDone(one);
}

TEST_P(CutTest, ResetBehindTheEnd) {
  // The disk holds the verification up until the reset has come.
  absl::Notification reset;
  FaultyFiles files([&reset](Call call) {
    if (call == Call::kSyncData) reset.WaitForNotification();
    return 0;
  });
  OneReception one(sender_.Upstream(), folder_, Options(), {.files = &files});
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(sender_.Send(TheContent()));
  sender_.End();
  ASSERT_TRUE(one.recorder->WaitForState(ReceptionState::kVerifying));
  sender_.Reset();
  reset.Notify();
  const ReceptionStatus status = one.recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kConnectionLost);
  ExpectNothingHalfDone(one);
}

TEST_P(CutTest, FewerBytesThanExpected) {
  ReceptionOptions options = Options();
  options.expected_length = kSize + 1;
  OneReception one(sender_.Upstream(), folder_, std::move(options));
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(sender_.Send(TheContent()));
  sender_.End();
  EXPECT_EQ(one.recorder->WaitForEnd().reason,
            ReceptionReason::kLengthMismatch);
  EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
  ExpectNothingHalfDone(one);
}

TEST_P(CutTest, MoreBytesThanExpected) {
  for (const bool expected : {true, false}) {
    ReceptionOptions options = Options();
    if (expected) {
      options.expected_length = kSize - 1;
    } else {
      options.max_length = kSize - 1;
    }
    OneReception one(sender_.Upstream(), folder_, std::move(options));
    sender_.AcceptAndReadByte();
    ASSERT_TRUE(sender_.Send(TheContent()));
    EXPECT_EQ(one.recorder->WaitForEnd().reason,
              ReceptionReason::kLengthMismatch);
    EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
    ExpectNothingHalfDone(one);
  }
}

TEST_P(CutTest, AnotherContentThanExpected) {
  for (const bool by_root : {true, false}) {
    ReceptionOptions options = Options();
    const std::string other = Content(kSize + 1).substr(1);
    if (by_root) {
      options.expected_root = Root(ManifestOf(other));
    } else {
      options.expected_sha256 = Sha256Of(other);
    }
    OneReception one(sender_.Upstream(), folder_, std::move(options));
    sender_.AcceptAndReadByte();
    ASSERT_TRUE(sender_.Send(TheContent()));
    sender_.End();
    EXPECT_EQ(one.recorder->WaitForEnd().reason,
              ReceptionReason::kDigestMismatch);
    EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
    ExpectNothingHalfDone(one);
  }
}

TEST_P(CutTest, NothingComes) {
  for (const bool begun : {false, true}) {
    ReceptionOptions options = Options();
    (begun ? options.stall_timeout : options.first_byte_timeout) =
        absl::Milliseconds(300);
    OneReception one(sender_.Upstream(), folder_, std::move(options));
    sender_.AcceptAndReadByte();
    ASSERT_TRUE(!begun || sender_.Send("begun"));
    EXPECT_EQ(one.recorder->WaitForEnd().reason, ReceptionReason::kStalled);
    EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
    ExpectNothingHalfDone(one);
  }
}

TEST_P(CutTest, Cancelled) {
  for (const size_t sent : {size_t{0}, kSize}) {
    OneReception one(sender_.Upstream(), folder_, Options());
    sender_.AcceptAndReadByte();
    ASSERT_TRUE(sender_.Send(TheContent().substr(0, sent)));
    ASSERT_TRUE(one.recorder->WaitForBytes(sent));
    EXPECT_TRUE(one.Cancel().ok());
    EXPECT_EQ(one.recorder->status().state, ReceptionState::kCancelled);
    EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
    EXPECT_TRUE(one.Cancel().ok());
    ExpectNothingHalfDone(one);
  }
}

TEST_P(CutTest, Stopped) {
  OneReception one(sender_.Upstream(), folder_, Options());
  sender_.AcceptAndReadByte();
  ASSERT_TRUE(sender_.Send(TheContent()));
  ASSERT_TRUE(one.recorder->WaitForBytes(kSize));
  one.engine().Stop();
  EXPECT_EQ(one.recorder->status().state, ReceptionState::kInterrupted);
  EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
  ExpectNothingHalfDone(one);
}

TEST(ReceptionTest, CancelledWhileItConnects) {
  const Folder folder;
  ScriptedSender sender;
  sender.StopListening();
  OneReception one(std::make_unique<SenderUpstream>(SenderOptions{
                       .target = {.host = "127.0.0.1",
                                  .port = std::to_string(sender.port()),
                                  .wait = absl::InfiniteDuration()}}),
                   folder);
  EXPECT_TRUE(one.Cancel().ok());
  EXPECT_EQ(one.recorder->status().state, ReceptionState::kCancelled);
  one.Finish();
  EXPECT_TRUE(folder.Names().empty());
}

TEST(ReceptionTest, FileThatIsThereIsLeftAlone) {
  const Folder folder;
  folder.Put("content", "old");
  ScriptedSender sender;
  OneReception one(sender.Upstream(), folder);
  const ReceptionStatus status = one.recorder->WaitForEnd();
  EXPECT_EQ(status.reason, ReceptionReason::kAlreadyExists);
  EXPECT_EQ(status.connections, 0u);
  one.Finish();
  EXPECT_EQ(folder.Get("content"), "old");
}

}  // namespace
}  // namespace tcptool::dataplane
