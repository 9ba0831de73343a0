#include "server/fleet/coordinator/slow_edges.h"

#include <chrono>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/slow_edges_chain.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(SlowEdgesTest, OneBelowHalfOfTheOthersIsFound) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  const auto found = Tell("n2", kSlow);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->distribution, "d");
  EXPECT_EQ(found->node, "n2");
  EXPECT_EQ(found->rate, kSlow);
  EXPECT_EQ(found->usual, kFast);
}

TEST_F(SlowEdgesTest, OneThatIsNotMuchSlowerIsNot) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  EXPECT_EQ(TellUntilFound("n2", kFast / 2 + 1), "");
}

TEST_F(SlowEdgesTest, NothingIsFoundWhereNothingIsKnownOfOthers) {
  Plan(3);
  EXPECT_EQ(TellUntilFound("n1", kSlow), "");
}

TEST_F(SlowEdgesTest, OneThatHasLessThanHalfOfWhatItMayHaveIsFoundByItself) {
  fleet_.AddNode("source", "r", 2 * kFast);
  fleet_.AddNode("n1");
  v1::DistributionSpec spec = TestFleet::SpecToAll();
  spec.set_source_bytes_per_second(kFast);
  fleet_.AddDistribution("d", spec);
  Coordinate();
  EXPECT_EQ(TellUntilFound("n1", kFast / 2 + 1), "");
  EXPECT_EQ(TellUntilFound("n1", kFast / 2 - 1), "n1");
}

// Its parent sends another content too.
TEST_F(SlowEdgesTest, OneThatHasHalfOfWhatItsParentLetsItHaveIsNotSlow) {
  fleet_.AddNode("source", "r", kFast);
  fleet_.AddNode("n1");
  fleet_.AddDistribution("d");
  Coordinate();
  EdgeRate rate = fleet_.Rate("d", "n1", kFast / 5);
  rate.allowed = kFast / 3;
  for (int i = 0; i < 3; ++i) {
    now_ += seconds(10);
    EXPECT_FALSE(Tell(rate));
  }
  rate.allowed = kFast / 2;
  now_ += seconds(10);
  const auto found = Tell(rate);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->usual, kFast / 2);
}

TEST_F(SlowEdgesTest, WhereManyAreKnownItMayHaveLessToo) {
  Plan(10);
  for (int i = 1; i < 10; ++i) {
    EXPECT_FALSE(Tell(absl::StrCat("n", i), kFast));
  }
  EdgeRate rate = fleet_.Rate("d", "n10", kSlow);
  rate.allowed = kSlow + kSlow / 2;
  EXPECT_FALSE(Tell(rate));
  now_ += seconds(10);
  rate.allowed = 3 * kSlow;
  EXPECT_TRUE(Tell(rate));
}

TEST_F(SlowEdgesTest, TimeInWhichTheParentHadNothingDoesNotCount) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  EdgeRate rate = fleet_.Rate("d", "n2", kSlow);
  rate.busy = seconds(4);
  rate.bytes = 4 * kSlow;
  for (int i = 0; i < 2; ++i) {
    now_ += seconds(10);
    EXPECT_FALSE(Tell(rate)) << "slow for " << 4 * (i + 1) << " s";
  }
  now_ += seconds(10);
  EXPECT_TRUE(Tell(rate));
}

TEST_F(SlowEdgesTest, OneThatWasFastMeanwhileBeginsAnew) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  EdgeRate slow = fleet_.Rate("d", "n2", kSlow);
  slow.busy = seconds(9);
  slow.bytes = 9 * kSlow;
  for (int i = 0; i < 5; ++i) {
    now_ += seconds(10);
    EXPECT_FALSE(Tell(slow));
    now_ += seconds(10);
    EXPECT_FALSE(Tell("n2", kFast));
  }
}

TEST_F(SlowEdgesTest, WhatWasLongAgoDoesNotCount) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  EdgeRate slow = fleet_.Rate("d", "n2", kSlow);
  slow.busy = seconds(9);
  slow.bytes = 9 * kSlow;
  EXPECT_FALSE(Tell(slow));
  now_ += seconds(61);
  EXPECT_FALSE(Tell(slow));
}

TEST_F(SlowEdgesTest, OneThatTellsSeldomAsNodesAreManyIsFoundToo) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  EdgeRate slow = fleet_.Rate("d", "n2", kSlow);
  slow.busy = seconds(50);
  slow.bytes = 50 * kSlow;
  EXPECT_TRUE(Tell(slow));
}

TEST_F(SlowEdgesTest, WhoTellsTooOftenIsIgnored) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  EdgeRate slow = fleet_.Rate("d", "n2", kSlow);
  slow.busy = milliseconds(200);
  for (int i = 0; i < 400; ++i) {
    EXPECT_FALSE(Tell(slow));
    now_ += milliseconds(100);
  }
}

// It comes over the slow link too, after what was lost there.
TEST_F(SlowEdgesTest, WhatComesLateCountsAlthoughTheNextComesAtOnce) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  EdgeRate slow = fleet_.Rate("d", "n2", kSlow);
  slow.busy = seconds(2);
  slow.bytes = 2 * kSlow;
  now_ += seconds(5);
  EXPECT_FALSE(Tell(slow));
  now_ += milliseconds(100);
  EXPECT_FALSE(Tell(slow));
  now_ += milliseconds(100);
  EXPECT_FALSE(Tell(slow));
  now_ += milliseconds(2500);
  EXPECT_FALSE(Tell(slow));
  now_ += milliseconds(100);
  EXPECT_TRUE(Tell(slow)) << "slow for 10 s";
}

TEST_F(SlowEdgesTest, EdgesThatAreNotInForceAreIgnored) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  const EdgeRate slow = fleet_.Rate("d", "n2", kSlow);
  EdgeRate wrong = slow;
  wrong.parent = "source";
  EXPECT_FALSE(Tell(wrong)) << "It has that from another one.";
  wrong = slow;
  wrong.epoch = 0;
  EXPECT_FALSE(Tell(wrong)) << "It obeys another plan.";
  wrong = slow;
  wrong.node = "source";
  EXPECT_FALSE(Tell(wrong)) << "It has no edge.";
  wrong.node = "nobody";
  EXPECT_FALSE(Tell(wrong));
  wrong = slow;
  wrong.distribution = "other";
  EXPECT_FALSE(Tell(wrong));
  wrong = slow;
  wrong.busy = std::chrono::hours(1);
  EXPECT_FALSE(Tell(wrong)) << "That cannot be.";
  EXPECT_TRUE(Tell(slow));
}

TEST_F(SlowEdgesTest, OfManyOneBelowAThirdOfTheMedianIsFoundIn6Seconds) {
  Plan(9);
  for (int i = 1; i <= 8; ++i) {
    EXPECT_FALSE(Tell(absl::StrCat("n", i), kFast + i));
  }
  EdgeRate rate = fleet_.Rate("d", "n9", 0);
  rate.busy = seconds(6);
  rate.bytes = 6 * kFast * 3 / 10;
  EXPECT_TRUE(Tell(rate)) << "30 MB/s";
  edges_ = {};
  for (int i = 1; i <= 8; ++i) {
    EXPECT_FALSE(Tell(absl::StrCat("n", i), kFast + i));
  }
  EXPECT_EQ(TellUntilFound("n9", kFast * 2 / 5), "") << "40 MB/s";
}

// Messages on a slow link are late, and it is measured from one to another.
TEST_F(SlowEdgesTest, OfManyOneIsFoundByThreeReportsOfAlmost2Seconds) {
  Plan(9);
  for (int i = 1; i <= 8; ++i) {
    EXPECT_FALSE(Tell(absl::StrCat("n", i), kFast));
  }
  EdgeRate rate = fleet_.Rate("d", "n9", 0);
  rate.busy = milliseconds(1850);
  for (int i = 0; i < 2; ++i) {
    now_ += seconds(2);
    EXPECT_FALSE(Tell(rate));
  }
  now_ += seconds(2);
  EXPECT_TRUE(Tell(rate));
}

TEST_F(SlowEdgesTest, WhereRatesDifferMuchNobodyIsFound) {
  Plan(9);
  for (int i = 1; i <= 8; ++i) {
    EXPECT_FALSE(Tell(absl::StrCat("n", i), i * kSlow));
  }
  EXPECT_EQ(TellUntilFound("n9", kSlow), "");
}

TEST_F(SlowEdgesTest, WhatHasAllCountsStill) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  fleet_.PutDelivery("d", "n1", v1::DELIVERY_STATE_DELIVERED);
  Coordinate();
  EXPECT_EQ(TellUntilFound("n2", kSlow), "n2");
}

TEST_F(SlowEdgesTest, OneThatWasPlannedToTheEndIsNotFoundAgain) {
  Plan(6);
  EXPECT_FALSE(Tell("n1", kFast));
  ASSERT_EQ(TellUntilFound("n2", kSlow), "n2");
  PlanToTheEnd("n2");
  ASSERT_EQ(ParentOf("n3"), "n1");
  ASSERT_EQ(ParentOf("n2"), "n6");
  EXPECT_EQ(TellUntilFound("n2", kSlow), "");
  EXPECT_EQ(TellUntilFound("n3", kFast), "");
}

TEST_F(SlowEdgesTest, AParentBelowWhichTwoAreSlowIsTheSlowOne) {
  Plan(6);
  EXPECT_FALSE(Tell("n1", kFast));
  EXPECT_FALSE(Tell("n2", kFast));
  ASSERT_EQ(TellUntilFound("n3", kSlow), "n3");
  PlanToTheEnd("n3");
  ASSERT_EQ(ParentOf("n4"), "n2");
  EXPECT_EQ(TellUntilFound("n4", kSlow), "n2");
  PlanToTheEnd("n2");
  EXPECT_EQ(ParentOf("n4"), "n1");
}

// Its link is slow both ways, and its child is the first to tell.
TEST_F(SlowEdgesTest, AParentThatIsSlowItselfIsFoundBeforeItsChild) {
  Plan(9);
  for (int i = 1; i <= 7; ++i) {
    EXPECT_FALSE(Tell(absl::StrCat("n", i), kFast));
  }
  EdgeRate above = fleet_.Rate("d", "n8", kSlow);
  ASSERT_EQ(ParentOf("n9"), "n8");
  EdgeRate below = fleet_.Rate("d", "n9", kSlow / 2);
  above.busy = below.busy = seconds(3);
  above.bytes = below.bytes = 2 * kSlow;
  EXPECT_FALSE(Tell(below));
  EXPECT_FALSE(Tell(above));
  now_ += seconds(3);
  const auto found = Tell(below);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->node, "n8");
}

TEST_F(SlowEdgesTest, AChildIsFoundThatIsSlowBelowOneThatWasSoForAMomentOnly) {
  Plan(9);
  for (int i = 1; i <= 7; ++i) {
    EXPECT_FALSE(Tell(absl::StrCat("n", i), kFast));
  }
  ASSERT_EQ(ParentOf("n9"), "n8");
  EdgeRate above = fleet_.Rate("d", "n8", kSlow);
  above.busy = seconds(1);
  above.bytes = kSlow;
  EXPECT_FALSE(Tell(above));
  const auto found = Tell("n9", kSlow);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->node, "n9");
}

TEST_F(SlowEdgesTest, AParentIsNotWhereTheFirstIsSlowBelowAnotherToo) {
  Plan(6);
  EXPECT_FALSE(Tell("n1", kFast));
  EXPECT_FALSE(Tell("n2", kFast));
  ASSERT_EQ(TellUntilFound("n3", kSlow), "n3");
  PlanToTheEnd("n3");
  ASSERT_EQ(ParentOf("n4"), "n2");
  ASSERT_EQ(ParentOf("n3"), "n6");
  EXPECT_EQ(TellUntilFound("n3", kSlow, 1), "");
  EXPECT_EQ(TellUntilFound("n4", kSlow), "n4");
}

TEST_F(SlowEdgesTest, WhereTheSourceIsSlowNobodyElseIsPlannedToTheEnd) {
  fleet_.AddNode("source", "r", 4'000'000'000);
  for (const std::string name : {"n1", "n2", "n3", "n4", "n5", "n6"}) {
    fleet_.AddNode(name, "r");
  }
  fleet_.AddDistribution("d");
  Coordinate();
  std::string below;  // Two that the source sends to.
  int told = 0;
  for (const auto& [node, parent] : fleet_.Parents("d")) {
    if (parent != "source") {
      EXPECT_FALSE(Tell(node, kFast));
    } else if (++told == 1) {
      below = node;
    }
  }
  ASSERT_GE(told, 2);
  ASSERT_EQ(TellUntilFound(below, kSlow), below);
  PlanToTheEnd(below);
  for (const auto& [node, parent] : fleet_.Parents("d")) {
    if (parent == "source") {
      EXPECT_EQ(TellUntilFound(node, kSlow), "");
    }
  }
}

TEST_F(SlowEdgesTest, NoMoreThanAThirdIsFound) {
  Plan(6);
  EXPECT_FALSE(Tell("n1", kFast));
  int found = 0;
  for (int i = 2; i <= 6; ++i) {
    const std::string node = TellUntilFound(absl::StrCat("n", i), kSlow);
    if (node.empty()) continue;
    ++found;
    PlanToTheEnd(node);
  }
  EXPECT_EQ(found, 2);
}

TEST_F(SlowEdgesTest, WhatAnEarlierCoordinatorHasFoundCounts) {
  Plan(6);
  PlanToTheEnd("n5");
  PlanToTheEnd("n6");
  EXPECT_FALSE(Tell("n1", kFast));
  EXPECT_EQ(TellUntilFound("n2", kSlow), "");
}

TEST_F(SlowEdgesTest, ADistributionThatIsOverIsForgotten) {
  Plan(3);
  EXPECT_FALSE(Tell("n1", kFast));
  const EdgeRate slow = fleet_.Rate("d", "n2", kSlow);
  fleet_.etcd().Delete(fleet_.keys().Head("d"));
  now_ += seconds(10);
  EXPECT_FALSE(Tell(slow));
  Coordinate();
  EXPECT_EQ(TellUntilFound("n2", kSlow), "") << "Nothing is known of n1.";
}

}  // namespace
}  // namespace tcptool::fleet
