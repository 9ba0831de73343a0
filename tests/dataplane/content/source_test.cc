// Where content comes from, and what happens when it does not come.
#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <cstring>

#include "dataplane/content/stream_source.h"
#include "dataplane/lanes/block_cache.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kLarge = 24'000'001;

// A file that fails with EIO beyond `good`, and that never is in memory.
class FailingFile : public RandomAccessFile {
 public:
  explicit FailingFile(uint64_t good) : good_(good) {}
  absl::StatusOr<FileState> State() const override {
    return FileState{.size = kLarge};
  }
  ssize_t ReadCached(uint64_t, std::span<std::byte>) override {
    return -EAGAIN;
  }
  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override {
    if (offset + buffer.size() > good_) return -EIO;
    std::memset(buffer.data(), 7, buffer.size());
    return static_cast<ssize_t>(buffer.size());
  }
  bool Cached(uint64_t, size_t) override { return false; }
  int descriptor() const override { return -1; }

 private:
  const uint64_t good_;
};

TEST(SourceTest, ReadErrorResetsTheRecipients) {
  OneSession one(*FileSource::Create(std::make_shared<FailingFile>(8 << 20), 0,
                                     std::nullopt));
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(peer.Join().error, ECONNRESET);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kSourceFailed);
  EXPECT_NE(one.recorder->session().error.find("Input/output error"),
            std::string::npos);
}

TEST(SourceTest, ColdFileIsServed) {
  OneSession one(*FileSource::Create(std::make_shared<FailingFile>(kLarge), 0,
                                     std::nullopt));
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(peer.Join().data, std::string(kLarge, 7));
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

// A disk that answers no read until it is told to.
class HangingFile : public FailingFile {
 public:
  HangingFile() : FailingFile(kLarge) {}
  absl::StatusOr<FileState> State() const override {
    return FileState{.size = 5'000};
  }
  ~HangingFile() override { Release(); }
  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override {
    released_.wait(false);
    return FailingFile::Read(offset, buffer);
  }
  void Release() {
    released_ = true;
    released_.notify_all();
  }

 private:
  // No absl::Notification: many threads wait for it, and what Abseil notes down
  // of them under a spin lock of its own is a race for ThreadSanitizer.
  std::atomic<bool> released_ = false;
};

TEST(SourceTest, DiskThatHangsHoldsUpNoOtherSession) {
  // More hanging sessions on the one lane than it has blocks.
  constexpr size_t kHanging = 2 * BlockCache::kBlocks;
  const std::string content = Content(kLarge);
  const auto file =
      RandomAccessFile::FromDescriptor(DiskFile(content).release());
  if (!file->Cached(0, kLarge)) {
    GTEST_SKIP() << "this file system does not say what is in memory";
  }
  OneSession one(*FileSource::Create(file, 0, std::nullopt), {}, {.lanes = 1});
  std::vector<std::shared_ptr<HangingFile>> disks;
  std::vector<std::shared_ptr<Recorder>> recorders;
  std::vector<std::unique_ptr<ReadingPeer>> peers;
  for (size_t i = 0; i < kHanging; ++i) {
    disks.push_back(std::make_shared<HangingFile>());
    recorders.push_back(std::make_shared<Recorder>());
    SessionOptions options;
    options.bind_address = asio::ip::address_v4::loopback();
    const auto session = one.engine().CreateSession(
        options, *FileSource::Create(disks.back(), 0, std::nullopt),
        recorders.back());
    ASSERT_TRUE(session.ok());
    peers.push_back(
        std::make_unique<ReadingPeer>((*session)->data_endpoint().port(), 1));
    ASSERT_TRUE(
        recorders.back()->WaitForCount(RecipientState::kTransferring, 1));
  }
  ReadingPeer peer(one.port(), 1);
  EXPECT_TRUE(peer.Join().data == content);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  for (const auto& disk : disks) disk->Release();
  for (const auto& recorder : recorders) {
    EXPECT_EQ(recorder->WaitForEnd(), SessionState::kSucceeded);
  }
}

TEST(SourceTest, RecipientsAllOverAColdFileAreServed) {
  // Further apart from each other than the blocks reach.
  constexpr size_t kPeers = BlockCache::kBlocks + 2;
  constexpr size_t kApart = BlockCache::kBlockSize;
  static constexpr size_t kMore = 2'000'000;
  SessionOptions options;
  options.start.immediate = true;
  OneSession one(*FileSource::Create(std::make_shared<FailingFile>(kLarge), 0,
                                     std::nullopt),
                 options, {.lanes = 1});
  std::vector<std::unique_ptr<Peer>> peers;
  for (size_t i = 0; i < kPeers; ++i) {
    peers.push_back(std::make_unique<Peer>(one.port(), 65536));
    peers.back()->Say(0);
    EXPECT_EQ(peers.back()->Read(i * kApart).data.size(), i * kApart);
  }
  std::vector<std::thread> readers;
  for (size_t i = 0; i < kPeers; ++i) {
    readers.emplace_back([&peer = *peers[i]] {
      EXPECT_EQ(peer.Read(kMore).data.size(), kMore);
    });
  }
  for (std::thread& reader : readers) reader.join();
}

// A file that is in memory until it is told to leave.
class LeavingFile : public FailingFile {
 public:
  LeavingFile() : FailingFile(kLarge), file_(MemoryFile(Content(kLarge))) {}
  void Leave() { cached_ = false; }
  bool Cached(uint64_t, size_t) override { return cached_; }
  int descriptor() const override { return file_.get(); }

 private:
  const UniqueFd file_;
  bool cached_ = true;
};

TEST(SourceTest, WhatHasLeftMemoryIsNotSentFromThere) {
  const auto file = std::make_shared<LeavingFile>();
  const auto source = *FileSource::Create(file, 0, std::nullopt);
  DiskThreads disk;
  Lane lane(SocketApi::Real(), disk);
  absl::Notification done;
  asio::post(lane.io(), [&] {
    const auto feed = source->OpenFeed(lane, [] {});
    EXPECT_EQ(feed->At(0, SendMethod::kZeroCopy).kind, Piece::Kind::kFile);
    file->Leave();
    // What was seen is believed for a short time only.
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    EXPECT_EQ(feed->At(0, SendMethod::kZeroCopy).kind, Piece::Kind::kWait);
    done.Notify();
  });
  done.WaitForNotification();
  disk.Join();
}

TEST(SourceTest, PartOfAFileIsServed) {
  const std::string content = Content(kLarge);
  auto file = RandomAccessFile::FromDescriptor(MemoryFile(content).release());
  OneSession one(*FileSource::Create(file, 1'234'567, 3'000'000));
  ReadingPeer peer(one.port(), 1);
  EXPECT_TRUE(peer.Join().data == content.substr(1'234'567, 3'000'000));
}

TEST(SourceTest, PartThatIsNotInTheFileIsRefused) {
  auto file = RandomAccessFile::FromDescriptor(MemoryFile("abc").release());
  EXPECT_TRUE(
      absl::IsOutOfRange(FileSource::Create(file, 4, std::nullopt).status()));
  EXPECT_TRUE(absl::IsOutOfRange(FileSource::Create(file, 2, 2).status()));
  EXPECT_TRUE(FileSource::Create(file, 3, std::nullopt).ok());
}

// sha256sum's.
constexpr char kSha256OfAbc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

SessionOptions WithSha256() {
  SessionOptions options;
  options.compute_sha256 = true;
  return options;
}

TEST(SourceTest, DigestOfAFileIsThereAtTheEnd) {
  auto file = RandomAccessFile::FromDescriptor(MemoryFile("xabcx").release());
  OneSession one(*FileSource::Create(file, 1, 3), WithSha256());
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->session().content_sha256, kSha256OfAbc);
}

TEST(SourceTest, DigestOfALongFileTakesItsTurns) {
  const std::string content = Content(kLarge);
  Sha256 expected;
  expected.Update(std::as_bytes(std::span(content)));
  OneSession one(FileOf(content), WithSha256());
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->session().content_sha256, expected.Finish());
}

TEST(SourceTest, DigestOfAStreamIsThereAtTheEnd) {
  auto source = std::make_shared<StreamSource>();
  OneSession one(source, WithSha256());
  for (const char* part : {"a", "bc"}) {
    source->Append({.data = std::as_bytes(std::span(part, strlen(part)))});
  }
  source->End();
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->session().content_sha256, kSha256OfAbc);
}

TEST(SourceTest, NoDigestOfWhatIsNotWhole) {
  OneSession one(*FileSource::Create(std::make_shared<FailingFile>(8 << 20), 0,
                                     std::nullopt),
                 WithSha256());
  ReadingPeer peer(one.port(), 1);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->session().content_sha256, "");
}

TEST(SourceTest, ImmediateSessionNeedsAFile) {
  Engine engine({});
  SessionOptions options;
  options.start.immediate = true;
  EXPECT_TRUE(absl::IsInvalidArgument(
      engine
          .CreateSession(options, std::make_shared<StreamSource>(),
                         std::make_shared<Recorder>())
          .status()));
}

}  // namespace
}  // namespace tcptool::dataplane
