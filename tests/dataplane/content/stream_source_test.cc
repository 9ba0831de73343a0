// Streams: their window, their producer, and recipients that hold them up.
#include "dataplane/content/stream_source.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "dataplane/content/stream_reader.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kLarge = 24'000'001;

TEST(StreamSourceTest, PipeIsServedToAll) {
  const std::string content = Content(kLarge);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  auto source = std::make_shared<StreamSource>(size_t{1} << 20);
  OneSession one(source);
  StreamReader reader(ends[0], source);
  std::thread producer([&content, fd = ends[1]] {
    size_t written = 0;
    while (written < content.size()) {
      written += write(fd, content.data() + written, content.size() - written);
    }
    close(fd);
  });
  ReadingPeer first(one.port(), 0);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, 1));
  ReadingPeer last(one.port(), 1);
  EXPECT_TRUE(first.Join().data == content);
  EXPECT_TRUE(last.Join().data == content);
  producer.join();
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->session().content_length, kLarge);
  close(ends[0]);
}

// Appends up to `blocks` blocks of 64 KiB; answers how many there was room for.
size_t Fill(StreamSource& source, size_t blocks) {
  static const auto data = std::make_shared<std::string>(64 << 10, 'x');
  size_t appended = 0;
  bool room = true;
  while (room && appended < blocks) {
    room = source.Append({data, std::as_bytes(std::span(*data))});
    ++appended;
  }
  return appended;
}

TEST(StreamSourceTest, StreamHoldsItsWindowAndNoMore) {
  StreamSource source(1 << 20);
  EXPECT_EQ(Fill(source, 1000), 16u);
}

TEST(StreamSourceTest, ProducerStaysNearTheFastestRecipient) {
  DiskThreads disk;
  Lane lane(SocketApi::Real(), disk);
  const auto source = std::make_shared<StreamSource>(
      StreamSource::kDefaultWindow, StreamSource::kNear);
  bool told = false;
  source->set_on_room([&told] { told = true; });
  // Until somebody has got something, all of the window may be filled.
  constexpr size_t kBlock = 64 << 10;
  constexpr size_t kBlocks = 4 * StreamSource::kNear / kBlock;
  ASSERT_EQ(Fill(*source, kBlocks), kBlocks);
  const auto feed = source->OpenFeed(lane, [] {});
  ASSERT_EQ(feed->At(0, SendMethod::kCopy).kind, Piece::Kind::kData);
  feed->Moved(0, kBlock);
  EXPECT_EQ(Fill(*source, 1000), 1u);
  // The slowest has got nothing, and does not matter.
  const uint64_t near = (kBlocks + 1) * kBlock - StreamSource::kNear;
  feed->Moved(0, near);
  EXPECT_FALSE(told);
  feed->Moved(0, near + 1);
  EXPECT_TRUE(told);
  EXPECT_TRUE(source->WaitForRoom());
}

TEST(StreamSourceTest, SmallBlocksCountWithTheMemoryThatTheyHold) {
  StreamSource source(1 << 20);
  const auto data = std::make_shared<std::string>("x");
  size_t appended = 1;
  while (source.Append({.owner = data,
                        .data = std::as_bytes(std::span(*data)),
                        .memory = 64 << 10})) {
    ++appended;
  }
  EXPECT_EQ(appended, 16u);
}

TEST(StreamSourceTest, ProducerThatBreaksOffFailsASessionThatWaits) {
  auto source = std::make_shared<StreamSource>(1 << 20);
  OneSession one(source);
  const auto peer = one.ReadyPeer();
  one.session().FailSource(absl::AbortedError("the upload broke off"));
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->session().error, "the upload broke off");
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kSourceFailed);
}

TEST(StreamSourceTest, ProducerOfAClosedStreamIsToldAtOnce) {
  StreamSource source(1 << 20);
  source.Close();
  bool told = false;
  source.set_on_room([&told] { told = true; });
  EXPECT_TRUE(told);
  EXPECT_TRUE(source.closed());
}

TEST(StreamSourceTest, StreamWaitsForAHandshakeThatIsUnderWay) {
  auto source = std::make_shared<StreamSource>(1 << 20);
  OneSession one(source);
  Fill(*source, 2);
  source->End();
  Peer early(one.port());
  ReadingPeer last(one.port(), 1);
  early.Say(0);
  EXPECT_EQ(early.ReadAndClose().data.size(), 128u << 10);
  EXPECT_EQ(last.Join().data.size(), 128u << 10);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(StreamSourceTest, FailedStreamResetsTheRecipients) {
  auto source = std::make_shared<StreamSource>(1 << 20);
  OneSession one(source);
  Fill(*source, 2);
  Peer peer(one.port());
  peer.Say(1);
  ASSERT_EQ(peer.Read(128 << 10).data.size(), 128u << 10);
  source->Fail(absl::DataLossError("the upload broke off"));
  EXPECT_EQ(peer.Read().error, ECONNRESET);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->session().error, "the upload broke off");
}

TEST(StreamSourceTest, RecipientThatStallsAStreamIsGivenUp) {
  SessionOptions options;
  // Longer than a busy machine keeps one that reads from reading.
  options.limits.stall_timeout = absl::Seconds(10);
  auto source = std::make_shared<StreamSource>(1 << 20);
  OneSession one(source, options);
  const auto stalled = one.ReadyPeer();
  ReadingPeer last(one.port(), 1);
  constexpr size_t kBlocks = 400;
  std::thread producer([&source] {
    size_t left = kBlocks;
    while (left > 0 && source->WaitForRoom()) left -= Fill(*source, left);
    source->End();
  });
  EXPECT_EQ(last.Join().data.size(), kBlocks << 16);
  producer.join();
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kPartiallySucceeded);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kStalled);
}

TEST(StreamSourceTest, RecipientThatLagsTooFarIsGivenUp) {
  SessionOptions options;
  options.limits.max_lag_bytes = 1 << 20;
  auto source = std::make_shared<StreamSource>(size_t{32} << 20);
  OneSession one(source, options);
  const auto lagging = one.ReadyPeer();
  ReadingPeer last(one.port(), 1);
  size_t left = 400;
  while (left > 0 && source->WaitForRoom()) left -= Fill(*source, left);
  source->End();
  EXPECT_EQ(last.Join().data.size(), 400u << 16);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kPartiallySucceeded);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kStalled);
}

}  // namespace
}  // namespace tcptool::dataplane
