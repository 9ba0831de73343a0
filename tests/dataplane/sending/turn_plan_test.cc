#include "dataplane/sending/turn_plan.h"

#include <gtest/gtest.h>

#include <limits>

namespace tcptool::dataplane {
namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();
constexpr uint64_t kMiB = 1 << 20;

TurnPlan PlanFor(const std::vector<uint64_t>& positions,
                 size_t budget = kNoLimit, bool rate_limited = false) {
  TurnPlan plan;
  plan.Make(positions, positions.size(), budget, rate_limited);
  return plan;
}

std::vector<size_t> Order(const TurnPlan& plan) {
  std::vector<size_t> order;
  for (const auto& step : plan.steps) order.push_back(step.recipient);
  return order;
}

TEST(TurnPlanTest, NobodyWaits) { EXPECT_TRUE(PlanFor({}).steps.empty()); }

TEST(TurnPlanTest, FurthestBehindComesFirst) {
  EXPECT_EQ(Order(PlanFor({5 * kMiB, 1 * kMiB, 5 * kMiB, 3 * kMiB})),
            (std::vector<size_t>{1, 3, 0, 2}));
}

TEST(TurnPlanTest, WhoIsALittleBehindCatchesUp) {
  const TurnPlan plan = PlanFor({kMiB, 2 * kMiB, 4 * kMiB});
  for (const auto& step : plan.steps) EXPECT_EQ(step.goal, 4 * kMiB);
}

TEST(TurnPlanTest, WhoIsFarBehindCatchesUpWithThoseWithinReach) {
  const uint64_t far = 2 * kMiB + TurnPlan::kReach + 1;
  const TurnPlan plan = PlanFor({kMiB, 2 * kMiB, far});
  EXPECT_EQ(plan.steps[0].goal, 2 * kMiB);
  EXPECT_EQ(plan.steps[1].goal, 2 * kMiB);
  EXPECT_EQ(plan.steps[2].goal, far);
}

TEST(TurnPlanTest, ReachIsInclusive) {
  const TurnPlan plan = PlanFor({kMiB, kMiB + TurnPlan::kReach});
  EXPECT_EQ(plan.steps[0].goal, kMiB + TurnPlan::kReach);
}

TEST(TurnPlanTest, FirstPieceIsSmall) {
  const TurnPlan plan = PlanFor({0, kMiB});
  EXPECT_EQ(plan.steps[0].first, TurnPlan::kFirstPiece);
  EXPECT_EQ(plan.steps[1].first, plan.share);
}

TEST(TurnPlanTest, RateIsSharedInEqualPartsAndNobodyCatchesUp) {
  const TurnPlan plan = PlanFor({kMiB, 2 * kMiB}, 100'000, true);
  EXPECT_EQ(plan.share, 50'000u);
  EXPECT_EQ(plan.most, 100'000u);
  for (const auto& step : plan.steps) {
    EXPECT_EQ(step.first, plan.share);
    EXPECT_EQ(step.goal, 0u);
  }
}

TEST(TurnPlanTest, ShareIsWorthACall) {
  const TurnPlan plan = PlanFor(std::vector<uint64_t>(50, kMiB), 1000, true);
  EXPECT_EQ(plan.share, TurnPlan::kLeastShare);
  EXPECT_EQ(plan.most, 1000u);
}

TEST(TurnPlanTest, ShareCountsThoseWhoWaitForTheNextTurn) {
  TurnPlan plan;
  plan.Make(std::vector<uint64_t>{kMiB, kMiB}, 10, 1'000'000, true);
  EXPECT_EQ(plan.share, 100'000u);
}

TEST(TurnPlanTest, TurnIsBounded) {
  const TurnPlan plan = PlanFor(std::vector<uint64_t>(10'000, kMiB));
  EXPECT_EQ(plan.steps.size(), TurnPlan::kMostRecipients);
  EXPECT_EQ(plan.most, TurnPlan::kMostBytes);
}

TEST(TurnPlanTest, PlanIsMadeAnew) {
  TurnPlan plan;
  plan.Make(std::vector<uint64_t>{1, 2, 3}, 3, kNoLimit, false);
  plan.Make(std::vector<uint64_t>{7}, 1, kNoLimit, false);
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.steps[0].goal, 7u);
}

}  // namespace
}  // namespace tcptool::dataplane
