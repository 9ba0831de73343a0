// What a disk does, and what it does not, to a reception's writer.
#include "dataplane/receiving/disk_writer.h"

#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "tests/dataplane/receiving/disk_writers.h"

namespace tcptool::dataplane {
namespace {

using Call = FaultyFiles::Call;

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

}  // namespace
}  // namespace tcptool::dataplane
