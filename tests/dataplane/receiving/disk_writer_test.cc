// What a disk does, and what it does not, to a reception's writer.
#include "dataplane/receiving/disk_writer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "tests/dataplane/receiving/files.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

using Call = FaultyFiles::Call;

std::span<const std::byte> BlockOf(const std::string& content, uint64_t index) {
  const uint64_t start = index * kManifestBlock;
  return std::as_bytes(std::span(content))
      .subspan(start,
               std::min<uint64_t>(kManifestBlock, content.size() - start));
}

std::vector<Digest> DigestsOf(const std::string& content) {
  std::vector<Digest> digests;
  for (uint64_t i = 0; i < CountBlocks(content.size()); ++i) {
    digests.push_back(Sha256::Of(BlockOf(content, i)));
  }
  return digests;
}

Digest Sha256Of(const std::string& content) {
  return Sha256::Of(std::as_bytes(std::span(content)));
}

class DiskWriterTest : public testing::Test {
 protected:
  ~DiskWriterTest() override { disk_.Join(); }

  void Make(DiskWriter::Options options = {}, FileApi& files = FileApi::Real(),
            bool resume = false) {
    Destination destination = folder_.To("content");
    destination.resumable = true;
    auto file = resume ? PartialFile::Resume(files, std::move(destination))
                       : PartialFile::Create(files, std::move(destination));
    ASSERT_TRUE(file.ok()) << file.status();
    writer_ = std::make_shared<DiskWriter>(
        disk_, DiskThreads::Client{.disk = 1, .file = this}, *std::move(file),
        options, [this] {
          absl::MutexLock lock(&mutex_);
          ++changes_;
        });
  }

  // False: it did not come true in time.
  bool WaitFor(const std::function<bool(const DiskWriter::State&)>& holds) {
    const absl::Time deadline = absl::Now() + kDeadline;
    for (;;) {
      int seen = 0;
      {
        absl::MutexLock lock(&mutex_);
        seen = changes_;
      }
      if (holds(writer_->state())) return true;
      const auto changed = [this, seen] { return changes_ != seen; };
      absl::MutexLock lock(&mutex_);
      if (!mutex_.AwaitWithDeadline(absl::Condition(&changed), deadline)) {
        return false;
      }
    }
  }
  bool WaitUntilIdle() {
    return WaitFor([](const DiskWriter::State& state) { return state.idle; });
  }
  bool WaitUntilComplete() {
    return WaitFor([](const DiskWriter::State& state) {
      return state.idle && (state.complete || !state.error.ok());
    });
  }

  // The tasks of the disk's threads have let go of it too, and of its file.
  void End() {
    const std::weak_ptr<DiskWriter> ended = std::exchange(writer_, nullptr);
    while (!ended.expired()) std::this_thread::yield();
  }

  // As a receiver does; false: there is no memory for it.
  bool Give(uint64_t index, std::span<const std::byte> data) {
    const DiskWriter::Block block = writer_->Open(index);
    if (block == nullptr) return false;
    std::memcpy(block->data(), data.data(), data.size());
    writer_->Write(index, block, data.size());
    return true;
  }
  // All of it from block `first` on, waiting for memory.
  void GiveAll(const std::string& content, uint64_t first = 0) {
    for (uint64_t i = first; i < CountBlocks(content.size()); ++i) {
      ASSERT_TRUE(WaitFor([&](const DiskWriter::State&) {
        return Give(i, BlockOf(content, i));
      }));
    }
    writer_->Complete(content.size());
  }

  const Folder folder_;
  DiskThreads disk_;
  absl::Mutex mutex_;
  int changes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<DiskWriter> writer_;
};

TEST_F(DiskWriterTest, WritesAndHashesMoreThanItHolds) {
  const std::string content =
      Content((2 * RecentBlocks::kBlocks + 3) * kManifestBlock + 77);
  Make({.sha256 = true});
  GiveAll(content);
  ASSERT_TRUE(WaitUntilComplete());
  const DiskWriter::State state = writer_->state();
  EXPECT_TRUE(state.complete);
  EXPECT_EQ(state.marks.written, content.size());
  EXPECT_EQ(state.marks.verified, content.size());
  EXPECT_EQ(writer_->manifest().length, content.size());
  EXPECT_EQ(writer_->manifest().blocks, DigestsOf(content));
  EXPECT_EQ(writer_->sha256(), Sha256Of(content));
  EXPECT_TRUE(writer_->file()->Commit().ok());
  EXPECT_TRUE(folder_.Get("content") == content);
}

TEST_F(DiskWriterTest, EmptyContentIsComplete) {
  Make({.sha256 = true});
  GiveAll("");
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_TRUE(writer_->state().complete);
  EXPECT_EQ(writer_->sha256(), Sha256Of(""));
  EXPECT_TRUE(writer_->manifest().blocks.empty());
}

TEST_F(DiskWriterTest, ContentOfWholeBlocksIsComplete) {
  const std::string content = Content(2 * kManifestBlock);
  Make({.sha256 = true});
  GiveAll(content);
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_EQ(writer_->sha256(), Sha256Of(content));
  EXPECT_EQ(writer_->state().marks.verified, content.size());
}

TEST_F(DiskWriterTest, DiskThatHangsBoundsTheMemoryAndHoldsNobody) {
  absl::Notification released;
  FaultyFiles files([&](Call call) {
    if (call == Call::kWrite && !released.HasBeenNotified() &&
        writer_ != nullptr) {
      released.WaitForNotification();
    }
    return 0;
  });
  Make({}, files);
  const std::string block(kManifestBlock, 'x');
  const auto data = std::as_bytes(std::span(block));
  uint64_t given = 0;
  while (given < 100 && Give(given, data)) ++given;
  EXPECT_EQ(given, RecentBlocks::kBlocks);
  EXPECT_EQ(writer_->state().marks.written, 0u);
  // What has come can be sent on all the same.
  EXPECT_NE(writer_->Find(0), nullptr);
  released.Notify();
  ASSERT_TRUE(
      WaitFor([&](const DiskWriter::State&) { return Give(given, data); }));
  writer_->Complete((given + 1) * kManifestBlock);
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_TRUE(writer_->state().complete);
}

TEST_F(DiskWriterTest, ErrorOfTheDiskEndsIt) {
  int writes = 0;
  absl::Mutex mutex;
  FaultyFiles files([&](Call call) {
    absl::MutexLock lock(&mutex);
    // The first is the range map's.
    return call == Call::kWrite && ++writes == 4 ? -EIO : 0;
  });
  Make({.sha256 = true}, files);
  const std::string content = Content(40 * kManifestBlock);
  GiveAll(content);  // It takes no memory any more, and is not in the way.
  ASSERT_TRUE(WaitUntilComplete());
  const DiskWriter::State state = writer_->state();
  EXPECT_FALSE(state.complete);
  EXPECT_NE(state.error.message().find("Input/output error"),
            std::string::npos);
  EXPECT_LT(state.marks.written, content.size());
}

TEST_F(DiskWriterTest, CheckpointsAreMadeOfWhatIsVerified) {
  Make({.expects_digests = true});
  constexpr uint64_t kBlocks = DiskWriter::kCheckpointBytes / kManifestBlock;
  const std::string content = Content((kBlocks + 1) * kManifestBlock + 5);
  const std::vector<Digest> digests = DigestsOf(content);
  for (uint64_t i = 0; i < digests.size(); ++i) {
    ASSERT_TRUE(WaitFor([&](const DiskWriter::State&) {
      return Give(i, BlockOf(content, i));
    }));
  }
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(writer_->state().marks.durable, 0u);
  EXPECT_EQ(writer_->state().marks.verified, 0u);
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  ASSERT_TRUE(WaitFor([&](const DiskWriter::State& state) {
    return state.marks.durable >= DiskWriter::kCheckpointBytes;
  }));
  writer_->Complete(content.size());
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_TRUE(writer_->state().complete);
}

TEST_F(DiskWriterTest, FailingCheckpointEndsIt) {
  FaultyFiles files(
      [](Call call) { return call == Call::kSyncData ? -ENOSPC : 0; });
  Make({}, files);
  constexpr uint64_t kBlocks = DiskWriter::kCheckpointBytes / kManifestBlock;
  const std::string block(kManifestBlock, 'x');
  for (uint64_t i = 0; i < kBlocks; ++i) {
    ASSERT_TRUE(WaitFor([&](const DiskWriter::State&) {
      return Give(i, std::as_bytes(std::span(block)));
    }));
  }
  ASSERT_TRUE(WaitFor(
      [](const DiskWriter::State& state) { return !state.error.ok(); }));
  EXPECT_TRUE(absl::IsResourceExhausted(writer_->state().error));
}

TEST_F(DiskWriterTest, BlockThatIsNotTheExpectedOneIsBad) {
  const std::string content = Content(4 * kManifestBlock + 9);
  const std::vector<Digest> digests = DigestsOf(content);
  // The digests are known before the blocks, or come behind them.
  for (const bool before : {true, false}) {
    Make({.expects_digests = true});
    EXPECT_TRUE(!before || writer_->Expect(0, digests).ok());
    std::string wrong = content;
    wrong[2 * kManifestBlock + 5] ^= 1;
    for (uint64_t i = 0; i < digests.size(); ++i) Give(i, BlockOf(wrong, i));
    EXPECT_TRUE(before || writer_->Expect(0, digests).ok());
    ASSERT_TRUE(WaitFor([](const DiskWriter::State& state) {
      return state.idle && state.bad_block && state.marks.verified > 0;
    }));
    EXPECT_EQ(writer_->state().bad_block, 2u);
    ASSERT_TRUE(WaitFor([](const DiskWriter::State& state) {
      return state.marks.verified == 2 * kManifestBlock;
    }));
    // Another source has the right one.
    absl::Notification rewound;
    writer_->Rewind(2, [&rewound](const absl::Status& status) {
      EXPECT_TRUE(status.ok());
      rewound.Notify();
    });
    rewound.WaitForNotification();
    ASSERT_TRUE(WaitUntilIdle());
    EXPECT_EQ(writer_->state().marks.written, 2 * kManifestBlock);
    ASSERT_TRUE(writer_->Expect(2, std::span(digests).subspan(2)).ok());
    GiveAll(content, 2);
    ASSERT_TRUE(WaitUntilComplete());
    EXPECT_TRUE(writer_->state().complete);
    EXPECT_EQ(writer_->manifest().blocks, digests);
    writer_->file()->Abandon();
    End();
  }
}

TEST_F(DiskWriterTest, DigestsMustNotChangeNorHaveGaps) {
  Make({.expects_digests = true});
  const std::vector<Digest> digests = DigestsOf(Content(3 * kManifestBlock));
  EXPECT_TRUE(absl::IsOutOfRange(writer_->Expect(1, digests)));
  EXPECT_TRUE(writer_->Expect(0, digests).ok());
  EXPECT_TRUE(writer_->Expect(1, std::span(digests).last(2)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(writer_->Expect(1, digests)));
}

TEST_F(DiskWriterTest, GoesOnWithWhatAnEarlierOneHasKept) {
  const std::string content = Content(5 * kManifestBlock + 9);
  const std::vector<Digest> digests = DigestsOf(content);
  Make();
  for (uint64_t i = 0; i < 3; ++i) Give(i, BlockOf(content, i));
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(writer_->file()->Checkpoint(std::span(digests).first(3)).ok());
  End();
  Make({.sha256 = true, .expects_digests = true}, FileApi::Real(), true);
  EXPECT_EQ(writer_->state().marks.durable, 3 * kManifestBlock);
  EXPECT_EQ(writer_->state().marks.verified, 0u);
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  EXPECT_EQ(writer_->state().marks.verified, 3 * kManifestBlock);
  GiveAll(content, 3);
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_TRUE(writer_->state().complete) << writer_->state().error;
  EXPECT_EQ(writer_->sha256(), Sha256Of(content));
}

TEST_F(DiskWriterTest, WhatWasKeptOfAnotherContentIsDropped) {
  const std::string old = Content(3 * kManifestBlock);
  Make();
  for (uint64_t i = 0; i < 3; ++i) Give(i, BlockOf(old, i));
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(writer_->file()->Checkpoint(DigestsOf(old)).ok());
  End();
  Make({.sha256 = true, .expects_digests = true}, FileApi::Real(), true);
  std::string content = old;
  content[kManifestBlock] ^= 1;
  ASSERT_TRUE(writer_->Expect(0, DigestsOf(content)).ok());
  EXPECT_EQ(writer_->state().bad_block, 1u);
  absl::Notification rewound;
  writer_->Rewind(1, [&rewound](const absl::Status&) { rewound.Notify(); });
  rewound.WaitForNotification();
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(writer_->state().marks.written, 0u);
  EXPECT_EQ(writer_->state().marks.durable, 0u);
  // The first block was verified, and may have been sent on.
  std::string other = content;
  other[0] ^= 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(writer_->Expect(0, DigestsOf(other))));
  ASSERT_TRUE(writer_->Expect(0, DigestsOf(content)).ok());
  GiveAll(content);
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_TRUE(writer_->state().complete);
  EXPECT_EQ(writer_->sha256(), Sha256Of(content));
}

TEST_F(DiskWriterTest, HashOfWhatWasDroppedIsForgotten) {
  const std::string content = Content(3 * kManifestBlock);
  std::string wrong = content;
  wrong.back() ^= 1;
  Make({.sha256 = true, .expects_digests = true});
  GiveAll(wrong);
  ASSERT_TRUE(WaitFor([this](const DiskWriter::State&) {
    return writer_->sha256().has_value();
  }));
  ASSERT_TRUE(writer_->Expect(0, DigestsOf(content)).ok());
  EXPECT_EQ(writer_->state().bad_block, 2u);
  ASSERT_TRUE(WaitUntilIdle());
  absl::Notification rewound;
  writer_->Rewind(2, [&rewound](const absl::Status&) { rewound.Notify(); });
  rewound.WaitForNotification();
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(writer_->Expect(0, DigestsOf(content)).ok());
  GiveAll(content, 2);
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_EQ(writer_->sha256(), Sha256Of(content));
}

TEST_F(DiskWriterTest, KeptBlockThatHasChangedInTheFileIsBad) {
  const std::string content = Content(4 * kManifestBlock);
  const std::vector<Digest> digests = DigestsOf(content);
  Make();
  for (uint64_t i = 0; i < 3; ++i) Give(i, BlockOf(content, i));
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(writer_->file()->Checkpoint(std::span(digests).first(3)).ok());
  End();
  folder_.Spoil(".tcptool-part.r1", kManifestBlock + 100);
  Make({.expects_digests = true}, FileApi::Real(), true);
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  GiveAll(content, 3);
  ASSERT_TRUE(WaitFor([](const DiskWriter::State& state) {
    return state.idle && state.bad_block;
  }));
  EXPECT_EQ(writer_->state().bad_block, 1u);
  EXPECT_FALSE(writer_->state().complete);
}

TEST_F(DiskWriterTest, FileThatChangedBeforeItIsHashedAgainIsAnError) {
  const std::string content = Content(3 * kManifestBlock);
  Make();
  for (uint64_t i = 0; i < 2; ++i) Give(i, BlockOf(content, i));
  ASSERT_TRUE(WaitUntilIdle());
  const std::vector<Digest> digests = DigestsOf(content);
  ASSERT_TRUE(writer_->file()->Checkpoint(std::span(digests).first(2)).ok());
  End();
  Make({.sha256 = true, .expects_digests = true}, FileApi::Real(), true);
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  ASSERT_TRUE(WaitUntilIdle());  // The kept blocks were still what they were.
  folder_.Spoil(".tcptool-part.r1", 100);
  GiveAll(content, 2);
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_FALSE(writer_->state().complete);
  EXPECT_TRUE(absl::IsDataLoss(writer_->state().error));
}

}  // namespace
}  // namespace tcptool::dataplane
