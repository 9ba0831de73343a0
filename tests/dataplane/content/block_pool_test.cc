// Blocks of a stream, and when their memory is used again.
#include "dataplane/content/block_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace tcptool::dataplane {
namespace {

TEST(BlockPoolTest, BlocksBeginOnAPage) {
  const auto pool = std::make_shared<BlockPool>();
  std::vector<std::shared_ptr<const PageBlock>> blocks;
  for (int i = 0; i < 8; ++i) {
    const auto& block = blocks.emplace_back(pool->Get());
    EXPECT_EQ(
        reinterpret_cast<uintptr_t>(block->data()) % sysconf(_SC_PAGESIZE), 0u);
  }
}

TEST(BlockPoolTest, MemoryIsUsedAgainOnceNobodyHasIt) {
  const auto pool = std::make_shared<BlockPool>();
  auto first = pool->Get();
  const std::byte* const memory = first->data();
  EXPECT_EQ(first->size(), BlockPool::kBlockSize);
  const auto shared = first;
  first = nullptr;
  // One of the block's owners is left.
  const auto other = pool->Get();
  EXPECT_NE(other->data(), memory);
  EXPECT_EQ(shared->data(), memory);
}

TEST(BlockPoolTest, LastOwnerGivesItBack) {
  const auto pool = std::make_shared<BlockPool>();
  auto block = pool->Get();
  const std::byte* const memory = block->data();
  auto shared = block;
  block = nullptr;
  shared = nullptr;
  EXPECT_EQ(pool->Get()->data(), memory);
}

TEST(BlockPoolTest, HoldsNoMoreThanWereInUseAtATime) {
  const auto pool = std::make_shared<BlockPool>();
  std::set<const std::byte*> seen;
  for (int round = 0; round < 5; ++round) {
    std::vector<std::shared_ptr<const PageBlock>> in_use;
    for (int i = 0; i < 3; ++i) {
      in_use.push_back(pool->Get());
      seen.insert(in_use.back()->data());
    }
  }
  EXPECT_EQ(seen.size(), 3u);
}

TEST(BlockPoolTest, BlockOutlivesWhoeverHadThePool) {
  auto pool = std::make_shared<BlockPool>();
  auto block = pool->Get();
  pool = nullptr;
  std::thread([block = std::move(block)]() mutable {
    *block->data() = std::byte{1};
    block = nullptr;
  }).join();
}

}  // namespace
}  // namespace tcptool::dataplane
