// The blocks that a lane shares, and what is read for them.
#include "dataplane/lanes/block_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kBlock = BlockCache::kBlockSize;

// A file that says in each byte in which block it is, and counts its reads.
class FakeFile : public RandomAccessFile {
 public:
  explicit FakeFile(bool cold, uint64_t disk = 0)
      : cold_(cold),
        disk_(disk != 0 ? disk : reinterpret_cast<uintptr_t>(this)) {}
  absl::StatusOr<FileState> State() const override {
    return FileState{.size = size};
  }
  uint64_t disk() const override { return disk_; }
  ssize_t ReadCached(uint64_t offset, std::span<std::byte> buffer) override {
    if (cold_) return -EAGAIN;
    ++cached_reads;
    if (answer_none) return 0;
    return ReadAt(offset, buffer);
  }
  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override {
    ++reads;
    if (hang != nullptr) hang->WaitForNotification();
    if (error != 0) return error;
    return ReadAt(offset, buffer);
  }
  bool Cached(uint64_t, size_t) override { return false; }
  int descriptor() const override { return -1; }

  std::atomic<uint64_t> size{uint64_t{1} << 40};
  std::atomic<int> error{0};
  int cached_reads = 0;
  bool answer_none = false;
  std::atomic<int> reads{0};
  absl::Notification* hang = nullptr;

 private:
  ssize_t ReadAt(uint64_t offset, std::span<std::byte> buffer) {
    const uint64_t end = std::min<uint64_t>(size, offset + buffer.size());
    if (end <= offset) return 0;
    std::memset(buffer.data(), static_cast<int>(offset / kBlock % 251),
                end - offset);
    return static_cast<ssize_t>(end - offset);
  }

  const bool cold_;
  const uint64_t disk_;
};

// The test's thread is the lane.
class BlockCacheTest : public testing::Test {
 protected:
  ~BlockCacheTest() override { disk_.Join(); }

  BlockCache::Block Get(const std::shared_ptr<FakeFile>& file, uint64_t block) {
    return cache_.Get(file, block * kBlock, kBlock, wake_);
  }
  // Runs the lane until a read has come back.
  void WaitForLoads(int wakes) {
    while (wakes_ < wakes) lane_.run_one();
  }
  // Asks until the block is at hand or has failed.
  BlockCache::Block Await(const std::shared_ptr<FakeFile>& file,
                          uint64_t block) {
    for (;;) {
      const BlockCache::Block got = Get(file, block);
      if (got.error != -EAGAIN) return got;
      WaitForLoads(wakes_ + 1);
    }
  }

  // For disks that hang; outlives their reads.
  absl::Notification released_;
  asio::io_context lane_;
  // Lets run_one() wait for the disk.
  const asio::executor_work_guard<asio::io_context::executor_type> work_{
      lane_.get_executor()};
  DiskThreads disk_;
  BlockCache cache_{lane_, disk_};
  int wakes_ = 0;
  const std::shared_ptr<BlockCache::Wake> wake_ =
      std::make_shared<BlockCache::Wake>([this] { ++wakes_; });
};

TEST_F(BlockCacheTest, ABlockIsReadOnceForAll) {
  const auto file = std::make_shared<FakeFile>(false);
  for (int i = 0; i < 100; ++i) {
    for (const uint64_t block : {3, 4, 5}) {
      const BlockCache::Block got = Get(file, block);
      ASSERT_EQ(got.error, 0);
      ASSERT_EQ(got.data.size(), kBlock);
      EXPECT_EQ(got.data.front(), std::byte{static_cast<uint8_t>(block)});
    }
  }
  EXPECT_EQ(file->cached_reads, 3);
}

TEST_F(BlockCacheTest, BlocksBeginOnAPage) {
  const auto file = std::make_shared<FakeFile>(false);
  const auto cold = std::make_shared<FakeFile>(true);
  for (uint64_t block = 0; block < 2 * BlockCache::kBlocks; ++block) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Get(file, block).data.data()) % 4096,
              0u);
    EXPECT_EQ(
        reinterpret_cast<uintptr_t>(Await(cold, block).data.data()) % 4096, 0u);
  }
}

TEST_F(BlockCacheTest, WhatIsNotInMemoryIsReadElsewhereAndTold) {
  const auto file = std::make_shared<FakeFile>(true);
  EXPECT_EQ(Get(file, 7).error, -EAGAIN);
  EXPECT_EQ(Get(file, 7).error, -EAGAIN);
  WaitForLoads(1);
  const BlockCache::Block got = Get(file, 7);
  ASSERT_EQ(got.error, 0);
  EXPECT_EQ(got.data.back(), std::byte{7});
  EXPECT_EQ(file->reads, 1);
}

TEST_F(BlockCacheTest, RecipientsThatGoDuringALoadLeaveAllBlocksToOthers) {
  for (size_t i = 0; i < 2 * BlockCache::kBlocks; ++i) {
    const auto cold = std::make_shared<FakeFile>(true);
    ASSERT_EQ(Get(cold, 0).error, -EAGAIN);
    // One goes before its block has come, another after that.
    if (i % 2 == 0) cache_.Forget(cold.get());
    WaitForLoads(static_cast<int>(i) + 1);
    cache_.Forget(cold.get());
  }
  const auto hot = std::make_shared<FakeFile>(false);
  for (int i = 0; i < 10; ++i) {
    for (uint64_t block = 0; block < BlockCache::kBlocks; ++block) {
      ASSERT_EQ(Get(hot, block).error, 0);
    }
  }
  EXPECT_EQ(hot->cached_reads, static_cast<int>(BlockCache::kBlocks));
}

TEST_F(BlockCacheTest, BlockThatNobodyAsksForAgainIsGivenUpInTheEnd) {
  const auto cold = std::make_shared<FakeFile>(true);
  for (uint64_t block = 0; block < BlockCache::kBlocks; ++block) {
    ASSERT_EQ(Get(cold, block).error, -EAGAIN);
    WaitForLoads(static_cast<int>(block) + 1);
  }
  // Its session goes on, elsewhere.
  const auto hot = std::make_shared<FakeFile>(false);
  for (uint64_t block = 0; block < 300; ++block) Get(hot, block);
  const int before = hot->cached_reads;
  for (int i = 0; i < 10; ++i) {
    for (uint64_t block = 300; block < 300 + BlockCache::kBlocks; ++block) {
      Get(hot, block);
    }
  }
  EXPECT_EQ(hot->cached_reads - before, static_cast<int>(BlockCache::kBlocks));
}

TEST_F(BlockCacheTest, AwaitedBlockStaysUntilItIsAskedFor) {
  const auto cold = std::make_shared<FakeFile>(true);
  ASSERT_EQ(Get(cold, 0).error, -EAGAIN);
  WaitForLoads(1);
  const auto hot = std::make_shared<FakeFile>(false);
  for (uint64_t block = 0; block < 4 * BlockCache::kBlocks; ++block) {
    Get(hot, block);
  }
  EXPECT_EQ(Get(cold, 0).error, 0);
  EXPECT_EQ(cold->reads, 1);
}

TEST_F(BlockCacheTest, EndBeforeTheEndIsAskedAgainWhereWaitingIsAllowed) {
  // As Linux 5.9 and 5.10 answer RWF_NOWAIT.
  const auto file = std::make_shared<FakeFile>(false);
  file->answer_none = true;
  const BlockCache::Block got = Await(file, 1);
  EXPECT_EQ(got.error, 0);
  EXPECT_EQ(got.data.size(), kBlock);
  EXPECT_EQ(file->reads, 1);
}

TEST_F(BlockCacheTest, ShortBlockIsNotKept) {
  const auto file = std::make_shared<FakeFile>(false);
  file->size = kBlock + 1000;
  EXPECT_EQ(Await(file, 1).data.size(), 1000u);
  file->size = 2 * kBlock;
  EXPECT_EQ(Await(file, 1).data.size(), kBlock);
}

TEST_F(BlockCacheTest, ErrorIsToldOnceAndThenTriedAgain) {
  const auto file = std::make_shared<FakeFile>(true);
  file->error = -EIO;
  EXPECT_EQ(Await(file, 1).error, -EIO);
  file->error = 0;
  EXPECT_EQ(Await(file, 1).error, 0);
}

TEST_F(BlockCacheTest, DiskThatHangsLeavesItsShareOfLoadsToOthers) {
  constexpr uint64_t kDeadDisk = 1;
  std::vector<std::shared_ptr<FakeFile>> dead;
  for (int i = 0; i < 100; ++i) {
    dead.push_back(std::make_shared<FakeFile>(true, kDeadDisk));
    dead.back()->hang = &released_;
    for (const uint64_t block : {0, 1, 2, 3}) {
      EXPECT_EQ(Get(dead.back(), block).error, -EAGAIN);
    }
  }
  const auto healthy = std::make_shared<FakeFile>(true, 2);
  for (uint64_t block = 0; block < 20; ++block) {
    EXPECT_EQ(Await(healthy, block).error, 0);
  }
  int reads = 0;
  for (const auto& file : dead) {
    EXPECT_LE(file->reads, static_cast<int>(BlockCache::kMaxLoadingOfFile));
    reads += file->reads;
  }
  EXPECT_LE(reads, static_cast<int>(BlockCache::kMaxLoadingOfDisk));
  released_.Notify();
  EXPECT_EQ(Await(dead.back(), 3).error, 0);
}

TEST_F(BlockCacheTest, WhoWaitsForOtherReadsIsToldFromWhoWaitsForItsOwn) {
  const auto file = std::make_shared<FakeFile>(true, 1);
  file->hang = &released_;
  for (int asked = 0; asked < 2; ++asked) {
    for (uint64_t block = 0; block < 4; ++block) {
      EXPECT_EQ(Get(file, block).is_loading,
                block < BlockCache::kMaxLoadingOfFile);
    }
  }
  released_.Notify();
  EXPECT_EQ(Await(file, 3).error, 0);
}

TEST_F(BlockCacheTest, ForgottenFileIsClosed) {
  const auto hot = std::make_shared<FakeFile>(false);
  Get(hot, 0);
  EXPECT_GT(hot.use_count(), 1);
  cache_.Forget(hot.get());
  EXPECT_EQ(hot.use_count(), 1);
}

}  // namespace
}  // namespace tcptool::dataplane
