// When the end of a content is near, on a clock of its own.
#include "server/peers/end_watch.h"

#include <gtest/gtest.h>

namespace tcptool::server {
namespace {

using dataplane::kManifestBlock;

constexpr uint64_t kLength = 3 * kManifestBlock + 5;

TEST(EndWatchTest, EndIsNearWhenAllButTheLastBlockIsThere) {
  EndWatch watch;
  const auto now = EndWatch::Clock::now();
  EXPECT_FALSE(watch.IsNear(0, kLength, now));
  EXPECT_FALSE(watch.IsNear(kLength - kManifestBlock - 1, kLength, now));
  EXPECT_TRUE(watch.IsNear(kLength - kManifestBlock, kLength, now));
  EXPECT_TRUE(watch.IsNear(kLength, kLength, now));
}

// A small content, of which nothing may be sent yet, is all last block.
TEST(EndWatchTest, EndOfWhatHasNotBegunIsNotNear) {
  EndWatch watch;
  const auto now = EndWatch::Clock::now();
  EXPECT_FALSE(watch.IsNear(0, 5, now));
  EXPECT_TRUE(watch.IsNear(1, 5, now));
}

TEST(EndWatchTest, EndOfWhatHasStoppedIsNotNearUntilItGoesOn) {
  EndWatch watch;
  constexpr EndWatch::Clock::duration kHalf =
      EndWatch::Clock::duration(EndWatch::kPatience) / 2;
  auto now = EndWatch::Clock::now();
  EXPECT_TRUE(watch.IsNear(kLength - 9, kLength, now));
  now += kHalf;
  EXPECT_TRUE(watch.IsNear(kLength - 9, kLength, now));
  now += kHalf;
  EXPECT_FALSE(watch.IsNear(kLength - 9, kLength, now));
  EXPECT_TRUE(watch.IsNear(kLength - 8, kLength, now));
}

}  // namespace
}  // namespace tcptool::server
