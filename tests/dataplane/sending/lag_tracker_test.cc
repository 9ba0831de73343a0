#include "dataplane/sending/lag_tracker.h"

#include <gtest/gtest.h>

namespace tcptool::dataplane {
namespace {

constexpr uint64_t kNobody = std::numeric_limits<uint64_t>::max();

TEST(LagTrackerTest, NobodyHoldsAnything) {
  LagTracker lag;
  EXPECT_EQ(lag.slowest(), kNobody);
  EXPECT_EQ(lag.fastest(), 0u);
}

TEST(LagTrackerTest, FollowsTheSlowestAndTheFastest) {
  LagTracker lag;
  lag.Add(1, 0);
  lag.Add(2, 0);
  lag.Move(1, 100);
  EXPECT_EQ(lag.slowest(), 0u);
  EXPECT_EQ(lag.fastest(), 100u);
  lag.Move(2, 300);
  EXPECT_EQ(lag.slowest(), 100u);
  EXPECT_EQ(lag.fastest(), 300u);
}

TEST(LagTrackerTest, EqualPositionsAreKeptApart) {
  LagTracker lag;
  lag.Add(1, 50);
  lag.Add(2, 50);
  lag.Remove(1);
  EXPECT_EQ(lag.slowest(), 50u);
  lag.Move(2, 60);
  EXPECT_EQ(lag.slowest(), 60u);
}

TEST(LagTrackerTest, WhoHasGoneHoldsNothingAndWasTheFastest) {
  LagTracker lag;
  lag.Add(1, 0);
  lag.Add(2, 0);
  lag.Move(1, 500);
  lag.Remove(1);
  lag.Remove(1);
  EXPECT_EQ(lag.fastest(), 500u);
  lag.Remove(2);
  EXPECT_EQ(lag.slowest(), kNobody);
}

TEST(LagTrackerTest, WhoComesBackBeginsAnew) {
  LagTracker lag;
  lag.Add(1, 0);
  lag.Move(1, 500);
  lag.Remove(1);
  lag.Add(1, 0);
  EXPECT_EQ(lag.slowest(), 0u);
}

}  // namespace
}  // namespace tcptool::dataplane
