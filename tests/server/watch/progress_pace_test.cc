#include "server/watch/progress_pace.h"

#include <gtest/gtest.h>

namespace tcptool::server {
namespace {

using std::chrono::milliseconds;

class ProgressPaceTest : public testing::Test {
 protected:
  // How many of so many ticks, each a quarter of a second, allow progress, if
  // each that does costs `changes`.
  int Shown(int ticks, int64_t changes) {
    int shown = 0;
    for (int i = 0; i < ticks; ++i) {
      now += milliseconds(250);
      if (!pace.Allows(now)) continue;
      ++shown;
      pace.Spend(changes);
    }
    return shown;
  }

  ProgressPace::Clock::time_point now;
  ProgressPace pace{1000, now};
};

TEST_F(ProgressPaceTest, FewChangesAreShownAtEachTick) {
  EXPECT_EQ(Shown(40, 0), 40);
  EXPECT_EQ(Shown(40, 250), 40);
}

TEST_F(ProgressPaceTest, ManyChangesAreShownAsOftenAsTheyArePaidFor) {
  // 1,000 a second for 100 s, and the first was not waited for.
  EXPECT_NEAR(Shown(400, 2500), 100'000 / 2500, 1);
}

TEST_F(ProgressPaceTest, StatesAreWaitedFor) {
  pace.Spend(10'000);
  EXPECT_EQ(Shown(38, 0), 0);
  EXPECT_EQ(Shown(4, 0), 3);
}

TEST_F(ProgressPaceTest, WhatIsNotUsedIsNotSavedUp) {
  EXPECT_EQ(Shown(1000, 0), 1000);
  pace.Spend(1000);
  EXPECT_EQ(Shown(3, 0), 0);
  EXPECT_EQ(Shown(2, 0), 2);
}

}  // namespace
}  // namespace tcptool::server
