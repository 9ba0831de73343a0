#include "dataplane/sending/pace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

namespace tcptool::dataplane {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;

constexpr uint64_t kLead = Pace::kLeastLead;
const Clock::time_point kNow = Clock::now();
const Clock::time_point kLater = kNow + hours(1);

TEST(PaceTest, NobodyIsWaitedForAtFirst) {
  const Pace pace(2, 0);
  EXPECT_FALSE(pace.IsAhead(kLead + 1, kNow));
}

TEST(PaceTest, WhoLacksTheProcessorIsWaitedForBeyondTheLead) {
  Pace pace(2, 0);
  pace.Set(1, 1000, kLater);
  EXPECT_FALSE(pace.IsAhead(1000 + kLead, kNow));
  EXPECT_TRUE(pace.IsAhead(1000 + kLead + 1, kNow));
}

TEST(PaceTest, WhoIsMuchFurtherBehindIsNotWaitedFor) {
  Pace pace(2, 0);
  pace.Set(1, 1000, kLater);
  EXPECT_TRUE(pace.IsAhead(1000 + 2 * kLead, kNow));
  EXPECT_FALSE(pace.IsAhead(1000 + 2 * kLead + 1, kNow));
}

TEST(PaceTest, WhoIsAheadIsNotWaitedFor) {
  Pace pace(2, 0);
  pace.Set(1, 100 * kLead, kLater);
  EXPECT_FALSE(pace.IsAhead(0, kNow));
  EXPECT_FALSE(pace.IsAhead(100 * kLead, kNow));
}

TEST(PaceTest, NobodyIsWaitedForLongerThanItLacksTheProcessor) {
  Pace pace(2, 0);
  pace.Set(1, 0, kNow + nanoseconds(1));
  EXPECT_TRUE(pace.IsAhead(kLead + 1, kNow));
  EXPECT_FALSE(pace.IsAhead(kLead + 1, kNow + nanoseconds(1)));
}

TEST(PaceTest, EachOfTheOthersIsWaitedFor) {
  Pace pace(4, 0);
  pace.Set(1, kLead, kLater);
  pace.Set(2, 0, kNow);
  EXPECT_FALSE(pace.IsAhead(kLead + 1, kNow));
  pace.Set(3, 0, kLater);
  EXPECT_TRUE(pace.IsAhead(kLead + 1, kNow));
}

TEST(PaceTest, LeadIsAPartOfALargeContent) {
  constexpr uint64_t kLength = 100 * Pace::kLeadPart * kLead;
  Pace pace(2, kLength);
  pace.Set(1, 0, kLater);
  EXPECT_FALSE(pace.IsAhead(100 * kLead, kNow));
  EXPECT_TRUE(pace.IsAhead(100 * kLead + 1, kNow));
}

TEST(PaceTest, LengthMayBeUnknown) {
  Pace pace(2, std::nullopt);
  pace.Set(1, 0, kLater);
  EXPECT_FALSE(pace.IsAhead(kLead, kNow));
  EXPECT_TRUE(pace.IsAhead(kLead + 1, kNow));
}

TEST(PaceTest, LanesAskWhileOthersSet) {
  constexpr int kTimes = 10'000;
  Pace pace(2, 0);
  pace.Set(1, 0, kLater);
  std::thread other([&] {
    for (int i = 1; i <= kTimes; ++i) pace.Set(1, i, kLater);
  });
  for (int i = 0; i < kTimes; ++i) {
    pace.Set(0, i, kNow);
    EXPECT_TRUE(pace.IsAhead(kTimes + kLead + 1, kNow));
  }
  other.join();
}

}  // namespace
}  // namespace tcptool::dataplane
