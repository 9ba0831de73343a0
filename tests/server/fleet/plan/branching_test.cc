#include "server/fleet/plan/branching.h"

#include <cmath>

#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGB = 1'000'000'000;

TEST(FanOut, IsAsManyAsTheEgressHasRoomFor) {
  const PlanPolicy policy = {.target_rate = 100, .max_children = 8};
  EXPECT_EQ(FanOut({.egress = 399}, policy), 3);
  EXPECT_EQ(FanOut({.egress = 400}, policy), 4);
  EXPECT_EQ(FanOut({.egress = 1'000'000}, policy), 8);
}

TEST(FanOut, IsOneWhereTheLinkIsTheLimitOrTheEgressIsSmall) {
  const PlanPolicy policy = {.target_rate = 100};
  EXPECT_EQ(FanOut({.egress = 0}, policy), 1);
  EXPECT_EQ(FanOut({.egress = 1}, policy), 1);
}

TEST(LongestGoodChain, GrowsWithTheContent) {
  PlanPolicy policy = {.size = 100 * kGB, .target_rate = 1'250'000'000};
  EXPECT_NEAR(LongestGoodChain(policy), 19'760, 1);
  policy = {.size = 3 * kGB, .target_rate = 300'000'000};
  EXPECT_NEAR(LongestGoodChain(policy), 1'357, 1);
  policy.size = 0;
  EXPECT_TRUE(std::isinf(LongestGoodChain(policy)));
}

TEST(BestBranching, StaysWithAChainUntilItsFillTakesMoreThanASecondCopy) {
  // A hop holds 64 KiB: 64 MiB are 1,024 hops.
  const PlanPolicy policy = {.size = 64 * kMiB,
                             .hop_delay = std::chrono::nanoseconds(0)};
  EXPECT_EQ(BestBranching(policy, 800, 1, 800), 1);
  EXPECT_EQ(BestBranching(policy, 4'000, 1, 4'000), 2);
}

TEST(BestBranching, CostsNothingUpToTheRoomThereIs) {
  const PlanPolicy policy = {.size = kMiB,
                             .hop_delay = std::chrono::nanoseconds(0)};
  EXPECT_GE(BestBranching(policy, 1'000, 4, 1'000), 4);
}

}  // namespace
}  // namespace tcptool::fleet
