#include "server/base/event_limit.h"

#include <gtest/gtest.h>

namespace tcptool::server {
namespace {

TEST(EventLimitTest, AllowsTheFirstOfASecondAndCountsThoseThatFollow) {
  for (const int lines : {1, 10}) {
    EventLimit limit(lines);
    EXPECT_EQ(limit.TakeUntold(), 0);
    int allowed = 0;
    constexpr int kEvents = 1000;
    const auto begin = dataplane::Clock::now();
    for (int i = 0; i < kEvents; ++i) {
      const bool allows = limit.Allows();
      EXPECT_TRUE(allows || i >= lines) << i;
      allowed += allows ? 1 : 0;
    }
    const auto took = dataplane::Clock::now() - begin;
    EXPECT_LE(allowed, lines * (1 + took / std::chrono::seconds(1)));
    EXPECT_EQ(limit.TakeUntold(), static_cast<uint64_t>(kEvents - allowed));
    EXPECT_EQ(limit.TakeUntold(), 0);
  }
}

TEST(EventLimitTest, CountsTheLineThatTellsTheRestAsOne) {
  EventLimit limit;
  const auto begin = dataplane::Clock::now();
  while (limit.Allows()) {
  }
  EXPECT_GE(limit.TakeUntold(), 1);
  const bool allows = limit.Allows();
  if (dataplane::Clock::now() - begin < std::chrono::seconds(1)) {
    EXPECT_FALSE(allows);
  }
}

}  // namespace
}  // namespace tcptool::server
