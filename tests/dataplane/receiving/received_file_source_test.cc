// A file that is not what was received any more reaches nobody as a whole.
#include "dataplane/receiving/received_file_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <semaphore>
#include <string>

#include "tests/dataplane/content/feed_reader.h"
#include "tests/dataplane/receiving/receptions.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

// What is in the page cache is had at once; the disk answers a read when it is
// let.
class GatedFile : public RandomAccessFile {
 public:
  explicit GatedFile(const std::string& content)
      : file_(RandomAccessFile::FromDescriptor(MemoryFile(content).release())) {
  }

  absl::StatusOr<FileState> State() const override { return file_->State(); }
  ssize_t ReadCached(uint64_t offset, std::span<std::byte> buffer) override {
    return file_->Read(offset, buffer);
  }
  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override {
    gate_.acquire();
    return file_->Read(offset, buffer);
  }
  bool Cached(uint64_t, size_t) override { return false; }
  int descriptor() const override { return -1; }

  void Let(int reads) { gate_.release(reads); }

 private:
  const std::shared_ptr<RandomAccessFile> file_;
  std::counting_semaphore<> gate_{0};
};

class ReceivedFileSourceTest : public testing::Test {
 protected:
  std::shared_ptr<ReceivedFileSource> Open(
      const std::shared_ptr<RandomAccessFile>& file) {
    return std::make_shared<ReceivedFileSource>(
        disk_, *ReceivedFile::Open(file), Root(ManifestOf(TheContent())));
  }
  std::shared_ptr<ReceivedFileSource> Open(const std::string& content) {
    return Open(
        RandomAccessFile::FromDescriptor(MemoryFile(content).release()));
  }
  static std::string Flipped(size_t position) {
    std::string content = TheContent();
    content[position] = static_cast<char>(content[position] ^ 1);
    return content;
  }

  static constexpr size_t kLastBlock =
      (kSize - 1) / kManifestBlock * kManifestBlock;
  DiskThreads disk_;
};

TEST_F(ReceivedFileSourceTest, AllOfItIsSentIfItIsWhatWasReceived) {
  const auto source = Open(TheContent());
  FeedReader reader(source);
  EXPECT_TRUE(reader.Read() == TheContent());
  EXPECT_EQ(reader.last(), Piece::Kind::kEnd);
  const Manifest manifest = ManifestOf(TheContent());
  const auto digests = source->block_digests();
  EXPECT_EQ(digests->Digests(0, 100), manifest.blocks);
  EXPECT_EQ(digests->end(),
            (ContentEnd{.length = kSize, .root = Root(manifest)}));
  EXPECT_TRUE(digests->error().ok());
}

TEST_F(ReceivedFileSourceTest, EmptyContentHasAnEnd) {
  FeedReader reader(std::make_shared<ReceivedFileSource>(
      disk_,
      *ReceivedFile::Open(
          RandomAccessFile::FromDescriptor(MemoryFile("").release())),
      Root(Manifest())));
  EXPECT_EQ(reader.Read(), "");
  EXPECT_EQ(reader.last(), Piece::Kind::kEnd);
}

TEST_F(ReceivedFileSourceTest, NobodyGetsTheLastBlockOfAnother) {
  for (const size_t position : {size_t{0}, kSize / 2, kSize - 1}) {
    const std::string content = Flipped(position);
    const auto source = Open(content);
    FeedReader reader(source);
    EXPECT_TRUE(reader.Read() == content.substr(0, kLastBlock));
    EXPECT_EQ(reader.last(), Piece::Kind::kError);
    EXPECT_TRUE(absl::IsDataLoss(reader.error())) << reader.error();
    const auto digests = source->block_digests();
    EXPECT_TRUE(digests->Digests(0, 100).empty());
    EXPECT_EQ(digests->end(), std::nullopt);
    EXPECT_TRUE(absl::IsDataLoss(digests->error())) << digests->error();
  }
}

TEST_F(ReceivedFileSourceTest, LastBlockWaitsForTheOthersToBeRead) {
  const auto file = std::make_shared<GatedFile>(TheContent());
  FeedReader reader(Open(file));
  EXPECT_EQ(reader.Read(kLastBlock).size(), kLastBlock);
  // A disk that has begun to answer, and one that does not any more.
  reader.AwaitWait(true);
  file->Let(1);
  reader.AwaitWait(false);
  reader.AwaitWait(true);
  file->Let(100);
  EXPECT_TRUE(reader.Read() == TheContent());
  EXPECT_EQ(reader.last(), Piece::Kind::kEnd);
}

TEST_F(ReceivedFileSourceTest, RecipientsOfAnotherAreReset) {
  OneSession one(Open(Flipped(0)), SessionOptions());
  const auto ready = one.ReadyPeer();
  Peer last(one.port());
  last.Say(1);
  for (Peer* const peer : {ready.get(), &last}) {
    const Peer::Result result = peer->Read();
    EXPECT_LE(result.data.size(), kLastBlock);
    EXPECT_EQ(result.error, ECONNRESET);
  }
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kSourceFailed);
  EXPECT_EQ(
      one.recorder->session().error.find("the file is not what it has to be"),
      0u)
      << one.recorder->session().error;
}

TEST_F(ReceivedFileSourceTest, NobodyWaitsForeverForADiskThatHangs) {
  const auto file = std::make_shared<GatedFile>(TheContent());
  SessionOptions options;
  options.limits.disk_timeout = absl::Milliseconds(200);
  {
    OneSession one(Open(file), options);
    Peer peer(one.port());
    peer.Say(1);
    EXPECT_EQ(peer.Read().error, ECONNRESET);
    EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
    EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kSourceFailed);
  }
  file->Let(100);
}

}  // namespace
}  // namespace tcptool::dataplane
