#include "dataplane/sending/progress.h"

#include <gtest/gtest.h>

namespace tcptool::dataplane {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kTimeout = seconds(60);
constexpr uint64_t kMiB = 1 << 20;
const Clock::time_point kStart = Clock::now();

TEST(ProgressTest, NothingForTheTimeoutIsAStall) {
  Progress progress(kTimeout, 0, kStart);
  progress.Update(kMiB, 0, kStart);
  EXPECT_FALSE(progress.Stalled(kStart + kTimeout - milliseconds(1)));
  EXPECT_TRUE(progress.Stalled(kStart + kTimeout));
  EXPECT_EQ(progress.deadline(), kStart + kTimeout);
}

TEST(ProgressTest, TrickleIsNoProgress) {
  Progress progress(kTimeout, 0, kStart);
  progress.Update(kMiB, 0, kStart);
  for (int i = 1; i <= 60; ++i) {
    progress.Update(kMiB, i * 1000, kStart + seconds(i));
  }
  EXPECT_TRUE(progress.Stalled(kStart + kTimeout));
}

TEST(ProgressTest, FloorIsProgress) {
  Progress progress(kTimeout, 0, kStart);
  progress.Update(kMiB, 0, kStart);
  progress.Update(kMiB, Progress::kFloor, kStart + seconds(59));
  EXPECT_FALSE(progress.Stalled(kStart + seconds(118)));
  EXPECT_TRUE(progress.Stalled(kStart + seconds(119)));
}

TEST(ProgressTest, WhoHasNothingToAcknowledgeDoesNotStall) {
  Progress progress(kTimeout, 0, kStart);
  for (int i = 1; i <= 200; ++i) {
    progress.Update(1000, 1000, kStart + seconds(i));
    EXPECT_FALSE(progress.Stalled(kStart + seconds(i)));
  }
}

// A slow producer's recipient acknowledges all that it is sent, a moment later.
TEST(ProgressTest, WhoKeepsUpWithLittleDoesNotStall) {
  Progress progress(kTimeout, 0, kStart);
  for (int i = 1; i <= 200; ++i) {
    progress.Update(i * 100, (i - 1) * 100, kStart + seconds(i));
    EXPECT_FALSE(progress.Stalled(kStart + seconds(i)));
  }
}

TEST(ProgressTest, LessIsAskedForThanARateAllows) {
  constexpr uint64_t kRate = 100;  // 6,000 bytes in the timeout.
  Progress progress(kTimeout, kRate, kStart);
  progress.Update(kMiB, 0, kStart);
  progress.Update(kMiB, 3000, kStart + seconds(59));
  EXPECT_FALSE(progress.Stalled(kStart + kTimeout));
  Progress trickle(kTimeout, kRate, kStart);
  trickle.Update(kMiB, 0, kStart);
  trickle.Update(kMiB, 2999, kStart + seconds(59));
  EXPECT_TRUE(trickle.Stalled(kStart + kTimeout));
}

TEST(ProgressTest, LessIsAskedForOnceTheRateAllowsLess) {
  Progress progress(kTimeout, 0, kStart);
  progress.Update(kMiB, 100, kStart);
  progress.SetRate(100);  // 6,000 bytes in the timeout.
  progress.Update(kMiB, 3100, kStart + seconds(59));
  EXPECT_FALSE(progress.Stalled(kStart + kTimeout));
  progress.SetRate(0);
  progress.Update(kMiB, 6200, kStart + seconds(60));
  progress.Update(kMiB, 9300, kStart + seconds(119));
  EXPECT_TRUE(progress.Stalled(kStart + seconds(120)));
}

TEST(ProgressTest, InfiniteTimeoutNeverPasses) {
  Progress progress(Clock::duration::max(), 0, kStart);
  progress.Update(kMiB, 0, kStart);
  EXPECT_FALSE(progress.Stalled(kStart + std::chrono::hours(100'000)));
  EXPECT_EQ(progress.deadline(), Clock::time_point::max());
}

}  // namespace
}  // namespace tcptool::dataplane
