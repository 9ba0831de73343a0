#include "dataplane/base/page_block.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace tcptool::dataplane {
namespace {

uint64_t OffsetInPage(const PageBlock& block) {
  return reinterpret_cast<uintptr_t>(block.data()) % sysconf(_SC_PAGESIZE);
}

// More of them than an allocator could place on pages by chance, held at a
// time, as the blocks of a cache and a window are.
TEST(PageBlockTest, EachBeginsOnAPage) {
  std::vector<PageBlock> blocks;
  for (size_t pages = 1; pages <= 256; pages *= 2) {
    for (int i = 0; i < 4; ++i) {
      const PageBlock& block =
          blocks.emplace_back(pages * PageBlock::kAlignment);
      EXPECT_EQ(OffsetInPage(block), 0u) << pages << " pages";
      EXPECT_EQ(block.size(), pages * PageBlock::kAlignment);
    }
  }
}

TEST(PageBlockTest, AllOfItIsMemory) {
  PageBlock block(size_t{1} << 20);
  std::memset(block.data(), 'x', block.size());
  EXPECT_EQ(block.first(10).size(), 10u);
  EXPECT_EQ(block.first(10).data(), block.data());
  EXPECT_EQ(block.data()[block.size() - 1], std::byte{'x'});
}

TEST(PageBlockTest, MovesItsMemory) {
  PageBlock one(PageBlock::kAlignment);
  const std::byte* memory = one.data();
  const PageBlock other = std::move(one);
  EXPECT_EQ(other.data(), memory);
  EXPECT_EQ(other.size(), PageBlock::kAlignment);
  EXPECT_FALSE(PageBlock());
}

}  // namespace
}  // namespace tcptool::dataplane
