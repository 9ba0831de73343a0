#include "dataplane/base/clock.h"

#include <gtest/gtest.h>

namespace tcptool::dataplane {
namespace {

constexpr Clock::time_point kMax = Clock::time_point::max();
constexpr Clock::time_point kMin = Clock::time_point::min();

TEST(ClockTest, LaterIsAsMuchLater) {
  const Clock::time_point now = Clock::now();
  EXPECT_EQ(Later(now, std::chrono::hours(1)), now + std::chrono::hours(1));
  EXPECT_EQ(Later(kMin, Clock::duration(5)), kMin + Clock::duration(5));
}

TEST(ClockTest, LaterSaturates) {
  EXPECT_EQ(Later(Clock::now(), Clock::duration::max()), kMax);
  EXPECT_EQ(Later(kMax, Clock::duration(1)), kMax);
}

// Of what is older than the machine's start, as whatever was stored when its
// wall clock was not set yet.
TEST(ClockTest, LaterThanTheDistantPastDoesNotOverflow) {
  const Clock::time_point past = Clock::time_point() - std::chrono::years(56);
  EXPECT_EQ(Later(past, std::chrono::hours(1)), past + std::chrono::hours(1));
  EXPECT_LT(Later(past, std::chrono::hours(1)), Clock::now());
}

}  // namespace
}  // namespace tcptool::dataplane
