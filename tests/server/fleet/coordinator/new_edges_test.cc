#include "server/fleet/coordinator/new_edges.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// A chain of four: source, n1, n2, n3.
class NewEdgesTest : public ::testing::Test {
 protected:
  NewEdgesTest() {
    fleet_.AddNode("source");
    fleet_.AddNodes(3);
    fleet_.AddDistribution("d");
  }

  NewPlan Plan(const std::set<std::string>& slow = {}) {
    const FleetState state = fleet_.State();
    const Distribution& distribution = state.distributions().at("d");
    return PlanNewEdges(distribution, state.nodes(),
                        TargetsOf(distribution, state.nodes()),
                        ContentOf(distribution), slow, absl::Now());
  }
  v1::NodeStanding StandingOf(const std::string& node) {
    const FleetState state = fleet_.State();
    return EdgeInForce(state.distributions().at("d"), node)->standing();
  }

  std::vector<std::string> FallbacksOf(const std::string& node) {
    const FleetState state = fleet_.State();
    const auto& fallbacks =
        EdgeInForce(state.distributions().at("d"), node)->fallbacks();
    return {fallbacks.begin(), fallbacks.end()};
  }

  void PutMoves(const std::string& node, const TestFleet::Moves& moves,
                bool is_fault, absl::Time time = absl::Now()) {
    fleet_.PutMoves("d", node, moves, is_fault, time);
  }

  TestFleet fleet_;
};

TEST_F(NewEdgesTest, TheFirstPlanIsOfEpochOne) {
  const NewPlan plan = Plan();
  EXPECT_EQ(plan.epoch, 1);
  EXPECT_THAT(plan.edges, SizeIs(3));
  EXPECT_EQ(plan.edges[0].record->edge().parent(), "source");
  EXPECT_FALSE(plan.edges[0].record->has_previous());
  fleet_.Coordinate();
  EXPECT_THAT(
      fleet_.Parents("d"),
      ElementsAre(Pair("n1", "source"), Pair("n2", "n1"), Pair("n3", "n2")));
}

TEST_F(NewEdgesTest, APlanThatIsGoodStays) {
  fleet_.Coordinate();
  const NewPlan plan = Plan();
  EXPECT_EQ(plan.epoch, 1);
  EXPECT_THAT(plan.edges, IsEmpty());
  EXPECT_FALSE(plan.lacks_source);
}

TEST_F(NewEdgesTest, NobodyIsMovedWhenANodeHasAll) {
  fleet_.Coordinate();
  fleet_.PutDelivery("d", "source", v1::DELIVERY_STATE_DELIVERED);
  fleet_.PutDelivery("d", "n2", v1::DELIVERY_STATE_DELIVERED);
  EXPECT_THAT(Plan().edges, IsEmpty());
}

TEST_F(NewEdgesTest, WhoeverHangsOnADeadNodeGetsAnotherAndKeepsTheOldEdge) {
  fleet_.Coordinate();
  fleet_.KillNode("n2");
  const NewPlan plan = Plan();
  EXPECT_EQ(plan.epoch, 2);
  ASSERT_THAT(plan.edges, SizeIs(1));
  EXPECT_EQ(plan.edges[0].node, "n3");
  EXPECT_EQ(plan.edges[0].record->edge().parent(), "n1");
  EXPECT_EQ(plan.edges[0].record->edge().epoch(), 2);
  EXPECT_EQ(plan.edges[0].record->previous().parent(), "n2");
  EXPECT_EQ(plan.edges[0].record->previous().epoch(), 1);
}

TEST_F(NewEdgesTest, ANodeThatHasFailedSendsToNobody) {
  fleet_.Coordinate();
  fleet_.PutDelivery("d", "n1", v1::DELIVERY_STATE_FAILED);
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Parents("d").at("n2"), "source");
}

TEST_F(NewEdgesTest, ANodeThatHasAllAndCannotGiveItSendsToNobody) {
  fleet_.Coordinate();
  v1::Delivery delivery;
  delivery.set_state(v1::DELIVERY_STATE_DELIVERED);
  *delivery.mutable_content() = ContentWithRoot('r');
  delivery.set_not_given("the file was changed");
  fleet_.etcd().Put(fleet_.keys().Delivery("d", "n1"),
                    delivery.SerializeAsString());
  fleet_.Coordinate();
  EXPECT_THAT(fleet_.Parents("d"), Contains(Pair("n2", "source")));
  fleet_.KillNode("source");
  EXPECT_TRUE(Plan().lacks_source);
}

TEST_F(NewEdgesTest, ANodeThatHasLeftItsParentGetsAnotherOne) {
  fleet_.Coordinate();
  PutMoves("n3", {{"n2", "n1"}}, false);
  EXPECT_THAT(Plan().edges, IsEmpty()) << "It was not n2's fault.";
  PutMoves("n3", {{"n2", "n1"}}, true);
  fleet_.Coordinate();
  EXPECT_THAT(
      fleet_.Parents("d"),
      ElementsAre(Pair("n1", "source"), Pair("n2", "n1"), Pair("n3", "n1")));
  const int64_t epoch = fleet_.Head("d").epoch();
  EXPECT_EQ(fleet_.Coordinate(), 0);
  // It has left that one too.
  PutMoves("n3", {{"n2", "n1"}, {"n1", "source"}}, true);
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Parents("d").at("n3"), "source");
  EXPECT_GT(fleet_.Head("d").epoch(), epoch);
}

TEST_F(NewEdgesTest,
       ANodeThatGetsAnotherParentMayHaveAsMuchAsItsOtherChildren) {
  fleet_.AddNode("n1", "r", 900);
  fleet_.AddNode("n2", "r", 800);
  fleet_.AddNode("n3", "r", 700);
  fleet_.Coordinate();
  const auto cap = [this] {
    const FleetState state = fleet_.State();
    return EdgeInForce(state.distributions().at("d"), "n3")
        ->cap_bytes_per_second();
  };
  EXPECT_EQ(cap(), 800);
  PutMoves("n3", {{"n2", "n1"}}, true);
  fleet_.Coordinate();
  ASSERT_EQ(fleet_.Parents("d").at("n3"), "n1");
  EXPECT_EQ(cap(), 900);
  PutMoves("n3", {{"n2", "n1"}, {"n1", "source"}}, true);
  fleet_.Coordinate();
  ASSERT_EQ(fleet_.Parents("d").at("n3"), "source");
  EXPECT_EQ(cap(), 0);
}

TEST_F(NewEdgesTest, WhoWasJustLeftIsNotPutBetweenOthers) {
  fleet_.AddNodes(6);
  fleet_.Coordinate();
  const std::string below = fleet_.Parents("d").at("n3");
  ASSERT_EQ(below, "n2");
  PutMoves("n3", {{"n2", "n1"}}, true);
  fleet_.Coordinate();
  EXPECT_THAT(fleet_.Parents("d"), Contains(Pair("n3", "n1")));
  // Another plan, while nobody knows yet whether it is dead.
  const auto before = fleet_.Parents("d");
  fleet_.KillNode("n6");
  fleet_.AddNode("late");
  fleet_.Coordinate();
  for (const auto& [node, parent] : fleet_.Parents("d")) {
    EXPECT_NE(parent, "n2") << "of " << node;
    if (before.contains(node)) {
      EXPECT_EQ(parent, before.at(node)) << "of " << node;
    }
  }
  // It is not.
  PutMoves("n3", {{"n2", "n1"}}, true, absl::Now() - absl::Minutes(1));
  fleet_.AddNode("later");
  fleet_.Coordinate();
  EXPECT_NE(fleet_.Parents("d").at("n2"), "n1");
}

TEST_F(NewEdgesTest, ANodeThatHasStartedAnewMayBeAParentAgain) {
  fleet_.Coordinate();
  PutMoves("n3", {{"n2", "n1"}}, true);
  fleet_.KillNode("n2");
  fleet_.AddNode("n2");
  fleet_.AddNode("late");
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Parents("d").at("late"), "n3");
  fleet_.KillNode("late");
  fleet_.AddNode("n4");
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Parents("d").at("n2"), "n3");
  EXPECT_EQ(fleet_.Parents("d").at("n4"), "n2");
}

TEST_F(NewEdgesTest, ANodeThatHasLeftAllKeepsItsParent) {
  fleet_.Coordinate();
  PutMoves("n3", {{"source", "n1"}, {"n1", "n2"}, {"n2", "n9"}}, true);
  EXPECT_EQ(fleet_.Coordinate(), 0);
  // One that it has come back to.
  PutMoves("n3", {{"n1", "n2"}, {"n2", "n1"}}, true);
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Parents("d").at("n3"), "n1");
}

TEST_F(NewEdgesTest, AFallbackThatDiesIsReplaced) {
  fleet_.Coordinate();
  fleet_.KillNode("n1");
  fleet_.Coordinate();
  const FleetState state = fleet_.State();
  for (const auto& [node, record] : state.distributions().at("d").edges) {
    if (node == "n1") continue;
    const v1::Edge* const edge =
        EdgeInForce(state.distributions().at("d"), node);
    EXPECT_THAT(edge->fallbacks(), ::testing::Not(::testing::Contains("n1")))
        << node;
  }
}

TEST_F(NewEdgesTest, WhoComesLaterIsLateAndStaysSo) {
  fleet_.Coordinate();
  fleet_.AddNode("n0");
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Parents("d").at("n0"), "n3");
  EXPECT_EQ(StandingOf("n0"), v1::NODE_STANDING_LATE);
  EXPECT_EQ(StandingOf("n3"), v1::NODE_STANDING_REGULAR);
  fleet_.KillNode("n1");
  fleet_.Coordinate();
  EXPECT_EQ(StandingOf("n0"), v1::NODE_STANDING_LATE);
}

TEST_F(NewEdgesTest, ASlowNodeGoesToTheEndAndIsKnownToBeSlow) {
  fleet_.Coordinate();
  EXPECT_THAT(Plan({"n2"}).edges, SizeIs(2));
  fleet_.Coordinate({{"d", {"n2"}}});
  EXPECT_EQ(fleet_.Parents("d").at("n3"), "n1");
  EXPECT_EQ(fleet_.Parents("d").at("n2"), "n3");
  EXPECT_EQ(StandingOf("n2"), v1::NODE_STANDING_SLOW);
  // The next coordinator has been told of nothing.
  EXPECT_THAT(Plan().edges, IsEmpty());
}

// Its uplink is what is slow.
TEST_F(NewEdgesTest, ASlowNodeThatHasAllSendsToOthersOnlyWhileNobodyElseDoes) {
  fleet_.Coordinate();
  fleet_.PutDelivery("d", "n1", v1::DELIVERY_STATE_DELIVERED);
  fleet_.Coordinate();
  ASSERT_EQ(fleet_.Parents("d").at("n2"), "n1");
  fleet_.Coordinate({{"d", {"n1"}}});
  EXPECT_EQ(fleet_.Parents("d").at("n2"), "source");
  EXPECT_THAT(Plan({"n1"}).edges, IsEmpty());
  fleet_.KillNode("source");
  fleet_.Coordinate({{"d", {"n1"}}});
  EXPECT_EQ(fleet_.Parents("d").at("n2"), "n1");
  EXPECT_THAT(Plan({"n1"}).edges, IsEmpty());
}

TEST_F(NewEdgesTest, WithoutASourceThePlanStays) {
  fleet_.Coordinate();
  fleet_.KillNode("source");
  const NewPlan plan = Plan();
  EXPECT_TRUE(plan.lacks_source);
  EXPECT_EQ(plan.epoch, 1);
  EXPECT_THAT(plan.edges, IsEmpty());
}

TEST_F(NewEdgesTest, WhoHasAllIsTheSourceWhenThatIsGone) {
  fleet_.Coordinate();
  fleet_.PutDelivery("d", "n2", v1::DELIVERY_STATE_DELIVERED);
  fleet_.KillNode("source");
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Parents("d").at("n3"), "n2");
  EXPECT_EQ(fleet_.Parents("d").at("n1"), "n3");
}

// Who has all of it may not be able to give it, and not know that yet.
TEST_F(NewEdgesTest, ASourceThatComesBackIsAFallbackOfWhoHasNoOther) {
  fleet_.Coordinate();
  fleet_.PutDelivery("d", "n1", v1::DELIVERY_STATE_DELIVERED);
  fleet_.KillNode("source");
  fleet_.KillNode("n3");
  fleet_.Coordinate();
  ASSERT_EQ(fleet_.Parents("d").at("n2"), "n1");
  ASSERT_THAT(FallbacksOf("n2"), IsEmpty());
  fleet_.AddNode("source");
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Parents("d").at("n2"), "n1");
  EXPECT_THAT(FallbacksOf("n2"), ElementsAre("source"));
  EXPECT_EQ(fleet_.Coordinate(), 0);
}

TEST_F(NewEdgesTest, ANodeThatComesBackWithTheWholeIsAFallbackOfWhoHasNoOther) {
  fleet_.Coordinate();
  fleet_.PutDelivery("d", "n1", v1::DELIVERY_STATE_DELIVERED);
  fleet_.PutDelivery("d", "n3", v1::DELIVERY_STATE_DELIVERED);
  fleet_.KillNode("source");
  fleet_.KillNode("n3");
  fleet_.Coordinate();
  ASSERT_THAT(FallbacksOf("n2"), IsEmpty());
  fleet_.AddNode("n3");
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Parents("d").at("n2"), "n1");
  EXPECT_THAT(FallbacksOf("n2"), ElementsAre("n3"));
  EXPECT_EQ(fleet_.Coordinate(), 0);
}

TEST_F(NewEdgesTest, ASourceWhoseFileIsAnotherNowSendsToNobody) {
  fleet_.PutDelivery("d", "source", v1::DELIVERY_STATE_DELIVERED, 'a');
  fleet_.Coordinate();
  fleet_.PutDelivery("d", "source", v1::DELIVERY_STATE_DELIVERED, 'b');
  fleet_.KillNode("n1");
  EXPECT_TRUE(Plan().lacks_source);
}

TEST_F(NewEdgesTest, WhatADeadCoordinatorHasLeftIsUsedOrTakenBack) {
  fleet_.Coordinate();
  fleet_.KillNode("n2");
  fleet_.AddNode("n4");
  // The edges without the head.
  ASSERT_EQ(fleet_.Coordinate({}, absl::Now(), 1), 1);
  EXPECT_EQ(fleet_.Head("d").epoch(), 1);
  EXPECT_EQ(fleet_.Parents("d").at("n3"), "n2");
  EXPECT_FALSE(fleet_.Parents("d").contains("n4"));

  // All of it is what the next one wants.
  NewPlan plan = Plan();
  EXPECT_EQ(plan.epoch, 3);
  EXPECT_THAT(plan.edges, IsEmpty());

  // Nothing of it is: n3 may keep its parent, and n4 is gone.
  fleet_.AddNode("n2");
  fleet_.KillNode("n4");
  fleet_.KillNode("n1");
  plan = Plan();
  EXPECT_EQ(plan.epoch, 3);
  fleet_.Coordinate();
  const FleetState state = fleet_.State();
  const Distribution& distribution = state.distributions().at("d");
  EXPECT_FALSE(distribution.edges.contains("n4"));
  EXPECT_EQ(fleet_.Parents("d").at("n2"), "source");
  EXPECT_EQ(fleet_.Parents("d").at("n3"), "n2");
  for (const auto& [node, record] : distribution.edges) {
    EXPECT_LE(record.value.edge().epoch(), distribution.head->value.epoch());
  }
}

TEST_F(NewEdgesTest, ARingThatTheOldEdgesOfWhoHadAllWouldMakeIsPlannedAnew) {
  fleet_.Coordinate();
  fleet_.PutDelivery("d", "n3", v1::DELIVERY_STATE_DELIVERED);
  fleet_.KillNode("source");
  fleet_.Coordinate();
  ASSERT_EQ(fleet_.Parents("d").at("n1"), "n3");
  ASSERT_EQ(fleet_.Parents("d").at("n2"), "n1");
  // It has lost what it had, and its edge of before is from n2.
  fleet_.AddNode("source");
  fleet_.PutDelivery("d", "n3", v1::DELIVERY_STATE_WAITING);
  ASSERT_EQ(fleet_.Parents("d").at("n3"), "n2");
  fleet_.Coordinate();
  const auto parents = fleet_.Parents("d");
  std::string at = "n3";
  for (int i = 0; i < 3 && at != "source"; ++i) at = parents.at(at);
  EXPECT_EQ(at, "source");
}

TEST_F(NewEdgesTest, AFleetsEgressIsKeptToTheDistributionsLimit) {
  v1::DistributionSpec spec = TestFleet::SpecToAll();
  spec.set_node_bytes_per_second(1000);
  fleet_.AddNode("n1", "r", 700);
  fleet_.AddDistribution("d", spec);
  fleet_.Coordinate();
  const FleetState state = fleet_.State();
  const Distribution& distribution = state.distributions().at("d");
  for (const auto& [node, record] : distribution.edges) {
    const v1::Edge* const edge = EdgeInForce(distribution, node);
    EXPECT_EQ(edge->cap_bytes_per_second(), edge->parent() == "n1" ? 700 : 1000)
        << node;
  }
}

}  // namespace
}  // namespace tcptool::fleet
