// Edges are compared with what others do at least, where those were not
// measured as they keep up with their parents.
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/fleet/coordinator/slow_edges.h"
#include "tests/server/fleet/coordinator/slow_edges_chain.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class UnmeasuredEdgesTest : public SlowEdgesTest {
 protected:
  // As it is told of an edge whose child keeps up with its parent.
  std::optional<SlowNode> TellLeast(const std::string& node, uint64_t rate) {
    EdgeRate told = fleet_.Rate("d", node, 0);
    told.busy = {};
    told.observed = seconds(2);
    told.observed_bytes = 2 * rate;
    return Tell(told);
  }
  // The names from the source on.
  std::vector<std::string> PlanInOrder(int nodes) {
    Plan(nodes);
    std::map<std::string, std::string> child_of;
    for (const auto& [node, parent] : fleet_.Parents("d")) {
      child_of[parent] = node;
    }
    std::vector<std::string> chain;
    for (std::string parent = "source"; child_of.contains(parent);) {
      parent = child_of[parent];
      chain.push_back(parent);
    }
    return chain;
  }
  // Each 2 s, as a node does. Returns for how long it was not found.
  seconds TellEach2Seconds(const std::string& slow, uint64_t rate) {
    EdgeRate told = fleet_.Rate("d", slow, rate);
    told.busy = seconds(2);
    told.bytes = 2 * rate;
    for (seconds time(2); time < seconds(60); time += seconds(2)) {
      now_ += seconds(2);
      const auto found = Tell(told);
      if (!found) continue;
      EXPECT_EQ(found->node, slow);
      return time;
    }
    return seconds::max();
  }
};

// Where all links are the same, nobody else is measured.
TEST_F(UnmeasuredEdgesTest, OfManyItIsEnoughToKnowWhatTheyDoAtLeast) {
  const std::vector<std::string> chain = PlanInOrder(16);
  for (size_t i = 0; i < chain.size(); ++i) {
    EXPECT_FALSE(TellLeast(chain[i], i < 11 ? kFast : kSlow));
  }
  EXPECT_EQ(TellEach2Seconds(chain[11], kSlow), seconds(6));
}

TEST_F(UnmeasuredEdgesTest, EdgesBelowTheOneThatIsComparedDoNotCount) {
  const std::vector<std::string> chain = PlanInOrder(16);
  for (size_t i = 0; i < chain.size(); ++i) {
    EXPECT_FALSE(TellLeast(chain[i], i < 3 ? kFast : kSlow));
  }
  EXPECT_EQ(TellEach2Seconds(chain[3], kSlow), seconds(10)) << "They are few.";
}

TEST_F(UnmeasuredEdgesTest, WhatAnEdgeDoesAtLeastMakesItNotSlow) {
  Plan(16);
  for (int i = 1; i <= 15; ++i) {
    EXPECT_FALSE(TellLeast(absl::StrCat("n", i), kFast));
  }
  for (int i = 0; i < 30; ++i) {
    now_ += seconds(2);
    EXPECT_FALSE(TellLeast("n16", 0)) << "Its parent may have had nothing.";
  }
  EXPECT_EQ(TellEach2Seconds("n16", kFast / 2), seconds::max());
}

TEST_F(UnmeasuredEdgesTest, WhatAnEdgeDoesAtLeastIsLessThanWhatWasMeasured) {
  Plan(16);
  for (int i = 1; i <= 15; ++i) {
    const std::string node = absl::StrCat("n", i);
    if (i < 4) {
      EXPECT_FALSE(Tell(node, kFast));
    }
    now_ += seconds(2);
    EXPECT_FALSE(TellLeast(node, kSlow));
  }
  EXPECT_EQ(TellEach2Seconds("n16", kSlow), seconds(10))
      << "It is compared with those that were measured.";
}

// Nodes that keep up are measured now and then, for moments that say little.
TEST_F(UnmeasuredEdgesTest, WhatAnEdgeDoesAllTheTimeCountsIfAMomentWasSlower) {
  Plan(16);
  for (int i = 1; i <= 11; ++i) {
    EdgeRate told = fleet_.Rate("d", absl::StrCat("n", i), 0);
    told.busy = milliseconds(200);
    told.bytes = i * kSlow / 5;
    told.observed = seconds(2);
    told.observed_bytes = 2 * kFast;
    EXPECT_FALSE(Tell(told));
  }
  EXPECT_EQ(TellEach2Seconds("n12", kSlow), seconds(6));
}

TEST_F(UnmeasuredEdgesTest, ATimeThatCannotBeIsIgnored) {
  Plan(3);
  EdgeRate told = fleet_.Rate("d", "n1", 0);
  told.busy = {};
  told.observed = std::chrono::hours(1);
  told.observed_bytes = 3600 * kFast;
  EXPECT_FALSE(Tell(told));
  EXPECT_EQ(TellUntilFound("n2", kSlow), "") << "Nothing is known of n1.";
  EXPECT_FALSE(TellLeast("n1", kFast));
  EXPECT_EQ(TellUntilFound("n2", kSlow), "n2");
}

TEST_F(UnmeasuredEdgesTest, AnEdgeThatIsPlannedAnewIsKnownAnew) {
  Plan(6);
  EXPECT_FALSE(Tell("n1", kFast));
  EXPECT_FALSE(Tell("n3", kFast));
  PlanToTheEnd("n2");
  ASSERT_EQ(ParentOf("n3"), "n1");
  now_ += seconds(2);
  EXPECT_FALSE(TellLeast("n3", kSlow));
  EXPECT_EQ(TellUntilFound("n1", kSlow), "")
      << "n3 was measured below another node.";
}

TEST_F(UnmeasuredEdgesTest, AChainOf10000IsNotTooLong) {
  constexpr int kNodes = 10'000;
  v1::Head head;
  head.set_epoch(1);
  head.set_state(v1::DISTRIBUTION_STATE_RUNNING);
  fleet_.AddDistribution("d");
  fleet_.etcd().Put(fleet_.keys().Head("d"), head.SerializeAsString());
  std::string parent = "source";
  for (int i = 1; i <= kNodes; ++i) {
    v1::EdgeRecord record;
    record.mutable_edge()->set_epoch(1);
    record.mutable_edge()->set_parent(parent);
    parent = absl::StrCat("n", i);
    fleet_.etcd().Put(fleet_.keys().Edge("d", parent),
                      record.SerializeAsString());
  }
  const FleetState state = fleet_.State();
  const auto told_of = [](int node, uint64_t rate) {
    return EdgeRate{
        .distribution = "d",
        .node = absl::StrCat("n", node),
        .parent = node == 1 ? "source" : absl::StrCat("n", node - 1),
        .epoch = 1,
        .observed = seconds(2),
        .observed_bytes = 2 * rate};
  };
  constexpr int kSlowOne = 10;
  for (int i = 1; i <= kNodes; ++i) {
    const uint64_t rate = i < kSlowOne ? kFast : kSlow;
    EXPECT_FALSE(edges_.Report(state, told_of(i, rate), now_));
  }
  EdgeRate slow = told_of(kSlowOne, kSlow);
  slow.busy = seconds(6);
  slow.bytes = 6 * kSlow;
  now_ += seconds(2);
  const auto found = edges_.Report(state, slow, now_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->node, slow.node);
}

}  // namespace
}  // namespace tcptool::fleet
