// The blocks that have come last: how many there are, and for how long.
#include "dataplane/receiving/recent_blocks.h"

#include <gtest/gtest.h>

namespace tcptool::dataplane {
namespace {

TEST(RecentBlocksTest, MemoryIsBoundedUntilTheOldestIsReleased) {
  RecentBlocks blocks;
  for (uint64_t index = 0; index < RecentBlocks::kBlocks; ++index) {
    ASSERT_NE(blocks.Open(index), nullptr);
  }
  EXPECT_NE(blocks.Find(0), nullptr);  // Somebody reads.
  EXPECT_EQ(blocks.Open(RecentBlocks::kBlocks), nullptr);
  blocks.Release(1);
  EXPECT_EQ(blocks.Open(RecentBlocks::kBlocks), nullptr);
  blocks.Release(0);
  EXPECT_NE(blocks.Find(0), nullptr);  // There is room for it so far.
  EXPECT_NE(blocks.Open(RecentBlocks::kBlocks), nullptr);
  EXPECT_EQ(blocks.Find(0), nullptr);
  EXPECT_NE(blocks.Find(1), nullptr);
}

TEST(RecentBlocksTest, WhereNobodyReadsMemoryIsUsedAgainAtOnce) {
  RecentBlocks blocks;
  const std::byte* memory = blocks.Open(0)->data();
  const RecentBlocks::Block written = blocks.Open(1);
  blocks.Release(0);
  EXPECT_EQ(blocks.Open(2)->data(), memory);
  // One that comes late finds what is not written yet, and what comes.
  EXPECT_EQ(blocks.Find(0), nullptr);
  EXPECT_EQ(blocks.Find(1), written);
  blocks.Release(1);
  EXPECT_EQ(blocks.Find(1), written);
}

// What is in a block may not be published to its end before the next is opened.
TEST(RecentBlocksTest, BlockThatIsWrittenStaysUntilTheNextIsOpened) {
  RecentBlocks blocks;
  const RecentBlocks::Block written = blocks.Open(0);
  blocks.Release(0);
  EXPECT_EQ(blocks.Find(0), written);
}

TEST(RecentBlocksTest, BlockThatIsGivenUpIsInNoFileAndStays) {
  RecentBlocks blocks;
  const RecentBlocks::Block given_up = blocks.Open(0);
  blocks.GiveUp(0);
  for (uint64_t index = 1; index < RecentBlocks::kBlocks; ++index) {
    ASSERT_NE(blocks.Open(index), nullptr);
  }
  EXPECT_EQ(blocks.Find(0), given_up);
  EXPECT_NE(blocks.Open(RecentBlocks::kBlocks), nullptr);  // There is no room.
  EXPECT_EQ(blocks.Find(0), nullptr);
}

// All blocks until this one come, and are written.
void Fill(RecentBlocks& blocks, uint64_t first, uint64_t end,
          RecentBlocks::Clock::time_point now) {
  for (uint64_t index = first; index < end; ++index) {
    ASSERT_NE(blocks.Open(index, now), nullptr) << index;
    blocks.Release(index);
  }
}

TEST(RecentBlocksTest, ReaderThatIsFurthestIsWaitedForUntilItIsNear) {
  constexpr uint64_t kFirst = RecentBlocks::kBlocks + 1;  // That it lacks.
  const auto now = RecentBlocks::Clock::now();
  RecentBlocks blocks;
  Fill(blocks, 0, 1, now);
  EXPECT_NE(blocks.Find(0), nullptr);
  Fill(blocks, 1, kFirst, now);
  EXPECT_FALSE(blocks.AwaitsReader());
  EXPECT_EQ(blocks.Open(kFirst, now), nullptr);
  EXPECT_TRUE(blocks.AwaitsReader());
  // Nothing has been dropped that it wants.
  for (uint64_t index = 1; index < kFirst - RecentBlocks::kNear; ++index) {
    EXPECT_NE(blocks.Find(index), nullptr) << index;
    EXPECT_EQ(blocks.Open(kFirst, now), nullptr) << index;
  }
  EXPECT_NE(blocks.Find(kFirst - RecentBlocks::kNear), nullptr);
  EXPECT_NE(blocks.Open(kFirst, now), nullptr);
  EXPECT_FALSE(blocks.AwaitsReader());
}

TEST(RecentBlocksTest, ReaderThatIsSlowIsWaitedForOnceUntilItIsNearAgain) {
  constexpr uint64_t kFirst = RecentBlocks::kBlocks + 1;
  const auto now = RecentBlocks::Clock::now();
  const auto late = now + RecentBlocks::kPatience;
  RecentBlocks blocks;
  Fill(blocks, 0, 1, now);
  EXPECT_NE(blocks.Find(0), nullptr);
  Fill(blocks, 1, kFirst, now);
  EXPECT_EQ(blocks.Open(kFirst, now), nullptr);
  EXPECT_NE(blocks.Find(1), nullptr);  // It reads, but not fast enough.
  Fill(blocks, kFirst, 2 * kFirst, late);
  EXPECT_EQ(blocks.Find(2), nullptr);
  // Another one that is near counts.
  EXPECT_NE(blocks.Find(2 * kFirst - 1), nullptr);
  constexpr uint64_t kNext = 2 * kFirst - 1 + kFirst;
  Fill(blocks, 2 * kFirst, kNext, late);
  EXPECT_EQ(blocks.Open(kNext, late), nullptr);
  EXPECT_TRUE(blocks.AwaitsReader());
}

TEST(RecentBlocksTest, ReaderBehindAnotherOneIsNotWaitedFor) {
  const auto now = RecentBlocks::Clock::now();
  RecentBlocks blocks;
  Fill(blocks, 0, 1, now);
  EXPECT_NE(blocks.Find(0), nullptr);
  for (uint64_t index = 1; index < 3 * RecentBlocks::kBlocks; ++index) {
    Fill(blocks, index, index + 1, now);
    EXPECT_NE(blocks.Find(index), nullptr);
  }
  EXPECT_EQ(blocks.Find(1), nullptr);
}

TEST(RecentBlocksTest, NobodyIsWaitedForWhoHasReadWhatWasDropped) {
  constexpr uint64_t kEnd = RecentBlocks::kBlocks + 1;
  const auto now = RecentBlocks::Clock::now();
  RecentBlocks blocks;
  Fill(blocks, 0, 1, now);
  EXPECT_NE(blocks.Find(0), nullptr);
  Fill(blocks, 1, kEnd, now);
  EXPECT_EQ(blocks.Open(kEnd, now), nullptr);
  blocks.DropFrom(0);
  Fill(blocks, 0, 2 * kEnd, now);
}

TEST(RecentBlocksTest, DroppedBlocksComeAgain) {
  RecentBlocks blocks;
  for (const uint64_t index : {0, 1, 2}) blocks.Open(index);
  blocks.DropFrom(1);
  EXPECT_NE(blocks.Find(0), nullptr);
  EXPECT_EQ(blocks.Find(1), nullptr);
  EXPECT_EQ(blocks.Find(2), nullptr);
  EXPECT_NE(blocks.Open(1), nullptr);
}

TEST(RecentBlocksTest, CloseDropsAllButWhatAReaderHolds) {
  RecentBlocks blocks;
  const RecentBlocks::Block held = blocks.Open(0);
  const std::weak_ptr<const PageBlock> other = blocks.Open(1);
  blocks.Close();
  EXPECT_EQ(blocks.Find(0), nullptr);
  EXPECT_TRUE(other.expired());
  EXPECT_GT(held->size(), 0u);
}

}  // namespace
}  // namespace tcptool::dataplane
