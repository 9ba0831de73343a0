// Which blocks a reception's writer takes for those of the content, and which
// come again.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>

#include "tests/dataplane/receiving/disk_writers.h"

namespace tcptool::dataplane {
namespace {

using Call = FaultyFiles::Call;

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
    Rewind(2);
    ASSERT_TRUE(WaitUntilIdle());
    EXPECT_EQ(writer_->state().marks.written, 2 * kManifestBlock);
    ASSERT_TRUE(writer_->Expect(2, std::span(digests).subspan(2)).ok());
    GiveAll(content, 2);
    ASSERT_TRUE(WaitUntilComplete());
    EXPECT_TRUE(writer_->state().complete);
    EXPECT_EQ(writer_->manifest().blocks, digests);
    EXPECT_TRUE(folder_.Get(".tcptool-part.r1") == content);
    writer_->file()->Abandon();
    End();
  }
}

TEST_F(DiskWriterTest, BadBlockIsWrittenAndNotKept) {
  const std::string content = Content(4 * kManifestBlock);
  const std::vector<Digest> digests = DigestsOf(content);
  Make({.expects_digests = true});
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  for (const uint64_t index : {0, 1}) Give(index, BlockOf(content, index));
  const absl::Time deadline = absl::Now() + kDeadline;
  while (writer_->state().marks.durable < 2 * kManifestBlock) {
    ASSERT_LT(absl::Now(), deadline);
    writer_->CheckpointIfDue();
    absl::SleepFor(absl::Milliseconds(5));
  }
  Give(2, BlockOf(std::string(kManifestBlock, 'x'), 0));
  ASSERT_TRUE(WaitFor([](const DiskWriter::State& state) {
    return state.idle && state.bad_block == 2;
  }));
  EXPECT_EQ(folder_.Get(".tcptool-part.r1").size(), 3 * kManifestBlock);
  // The process ends, and another one goes on.
  End();
  Make({.expects_digests = true}, FileApi::Real(), /*resume=*/true);
  EXPECT_EQ(writer_->state().marks.written, 2 * kManifestBlock);
  EXPECT_EQ(folder_.Get(".tcptool-part.r1").size(), 2 * kManifestBlock);
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  GiveAll(content, 2);
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_TRUE(writer_->state().complete);
  EXPECT_TRUE(folder_.Get(".tcptool-part.r1") == content);
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
  Keep(content, 3);
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
  Keep(old, 3);
  Make({.sha256 = true, .expects_digests = true}, FileApi::Real(), true);
  std::string content = old;
  content[kManifestBlock] ^= 1;
  ASSERT_TRUE(writer_->Expect(0, DigestsOf(content)).ok());
  EXPECT_EQ(writer_->state().bad_block, 1u);
  Rewind(1);
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
  Rewind(2);
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(writer_->Expect(0, DigestsOf(content)).ok());
  GiveAll(content, 2);
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_EQ(writer_->sha256(), Sha256Of(content));
}

TEST_F(DiskWriterTest, KeptBlockThatHasChangedInTheFileIsBad) {
  const std::string content = Content(4 * kManifestBlock);
  const std::vector<Digest> digests = DigestsOf(content);
  Keep(content, 3);
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

TEST_F(DiskWriterTest, KeptBlockThatTheDiskHasLostIsBad) {
  const std::string content = Content(4 * kManifestBlock);
  const std::vector<Digest> digests = DigestsOf(content);
  Keep(content, 3);
  std::atomic<bool> is_lost{false};
  FaultyFiles files([&is_lost](Call call) {
    return call == Call::kRead && is_lost ? -EIO : 0;
  });
  Make({.expects_digests = true}, files, true);
  is_lost = true;  // The range map was read before.
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  ASSERT_TRUE(WaitFor([](const DiskWriter::State& state) {
    return state.idle && state.bad_block;
  }));
  EXPECT_TRUE(writer_->state().error.ok()) << writer_->state().error;
  is_lost = false;
  Rewind(0);
  ASSERT_TRUE(WaitUntilIdle());
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  GiveAll(content);
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_TRUE(writer_->state().complete) << writer_->state().error;
  End();  // It uses the files.
}

TEST_F(DiskWriterTest, BlockThatIsLostOnceItIsWrittenIsBad) {
  const std::string content = Content(3 * kManifestBlock);
  const std::vector<Digest> digests = DigestsOf(content);
  Make({.expects_digests = true});
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  GiveAll(content);
  ASSERT_TRUE(WaitUntilComplete());
  writer_->Lost(1, digests[2]);  // It has come again, as another one.
  writer_->Lost(3, digests[2]);  // It is about to.
  EXPECT_EQ(writer_->state().bad_block, std::nullopt);
  writer_->Lost(2, digests[2]);
  writer_->Lost(1, digests[1]);
  EXPECT_EQ(writer_->state().bad_block, 1u);
  Rewind(3);
  // One that was found bad too late for this.
  EXPECT_EQ(writer_->state().bad_block, 1u);
}

// Others may have it, and those behind it, already.
TEST_F(DiskWriterTest, BlockThatIsLostComesAgainAsTheSame) {
  const std::string content = Content(3 * kManifestBlock);
  const std::vector<Digest> digests = DigestsOf(content);
  Make({.expects_digests = true});
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  GiveAll(content);
  ASSERT_TRUE(WaitUntilComplete());
  writer_->Lost(1, digests[1]);
  Rewind(1);
  for (const size_t other : {1, 2}) {
    std::vector<Digest> others = digests;
    others[other] = Digest();
    EXPECT_TRUE(absl::IsFailedPrecondition(writer_->Expect(0, others)));
  }
  EXPECT_TRUE(writer_->Expect(0, digests).ok());
}

// The file has lost more than what somebody has read.
TEST_F(DiskWriterTest, BlocksBeforeOneThatIsLostAreReadAgain) {
  const std::string content = Content(4 * kManifestBlock);
  const std::vector<Digest> digests = DigestsOf(content);
  Make({.expects_digests = true});
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  GiveAll(content);
  ASSERT_TRUE(WaitUntilComplete());
  folder_.Spoil(".tcptool-part.r1", kManifestBlock + 5);
  writer_->Lost(3, digests[3]);
  EXPECT_FALSE(writer_->state().complete);
  Rewind(3);
  const auto left = [&] {
    return writer_->state().marks.written / kManifestBlock;
  };
  // A busy machine may have made a checkpoint, with which all is dropped.
  if (left() > 0) {
    ASSERT_TRUE(WaitFor([](const DiskWriter::State& state) {
      return state.idle && state.bad_block;
    }));
    EXPECT_EQ(writer_->state().bad_block, 1u);
    Rewind(1);
  }
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  GiveAll(content, left());
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_TRUE(writer_->state().complete) << writer_->state().error;
  End();
  EXPECT_TRUE(folder_.Get(".tcptool-part.r1") == content);
}

TEST_F(DiskWriterTest, BlockThatIsLostAndCannotComeAgainIsAnError) {
  const std::string content = Content(3 * kManifestBlock);
  Make();
  GiveAll(content);
  ASSERT_TRUE(WaitUntilComplete());
  writer_->Lost(1, DigestsOf(content)[1]);
  EXPECT_TRUE(absl::IsDataLoss(writer_->state().error));
  EXPECT_FALSE(writer_->state().complete);
}

// What was verified by what a source has said that was wrong.
TEST_F(DiskWriterTest, WhatIsDoubtedIsVerifiedAnew) {
  const std::string content = Content(3 * kManifestBlock);
  const std::vector<Digest> digests = DigestsOf(content);
  Make({.sha256 = true, .expects_digests = true});
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  GiveAll(content);
  ASSERT_TRUE(WaitUntilComplete());
  Rewind(3, /*forgets_all=*/true);
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(writer_->state().marks.written, content.size());
  EXPECT_EQ(writer_->state().marks.verified, 0u);
  EXPECT_FALSE(writer_->state().complete);
  // None comes again.
  ASSERT_TRUE(writer_->Expect(0, digests).ok());
  writer_->Complete(content.size());
  ASSERT_TRUE(WaitUntilComplete());
  EXPECT_TRUE(writer_->state().complete) << writer_->state().error;
  EXPECT_EQ(writer_->sha256(), Sha256Of(content));
}

TEST_F(DiskWriterTest, FileThatChangedBeforeItIsHashedAgainIsAnError) {
  const std::string content = Content(3 * kManifestBlock);
  Keep(content, 2);
  const std::vector<Digest> digests = DigestsOf(content);
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
