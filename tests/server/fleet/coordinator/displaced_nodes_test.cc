// What becomes of nodes that come back when others have gone around them.
#include "server/fleet/coordinator/displaced_nodes.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Pair;

// Bytes a second that a plan gives each node.
constexpr int64_t kTargetRate = 1'250'000'000;

class DisplacedNodesTest : public ::testing::Test {
 protected:
  // A chain from the source to n4.
  void BeginChain() {
    fleet_.AddNode("source");
    fleet_.AddNodes(4);
    Begin();
  }
  void Begin() {
    fleet_.AddDistribution("d");
    fleet_.Coordinate();
  }
  // As when a process is killed, or its host, and starts again.
  void Restart(const std::string& node, const std::string& rack = "r") {
    fleet_.KillNode(node);
    fleet_.AddNode(node, rack);
  }

  std::map<std::string, std::string> Parents() { return fleet_.Parents("d"); }
  v1::NodeStanding StandingOf(const std::string& node) {
    const FleetState state = fleet_.State();
    return EdgeInForce(state.distributions().at("d"), node)->standing();
  }

  TestFleet fleet_;
};

TEST_F(DisplacedNodesTest, ANodeThatComesBackHangsOnTheTail) {
  BeginChain();
  fleet_.KillNode("n2");
  fleet_.Coordinate();
  ASSERT_EQ(Parents().at("n3"), "n1");
  fleet_.AddNode("n2");
  fleet_.Coordinate();
  EXPECT_THAT(Parents(), ElementsAre(Pair("n1", "source"), Pair("n2", "n4"),
                                     Pair("n3", "n1"), Pair("n4", "n3")));
  EXPECT_EQ(StandingOf("n2"), v1::NODE_STANDING_LATE);
  EXPECT_EQ(fleet_.Coordinate(), 0);
}

// Its lease lasts for a while after its process was killed: it may be alive.
TEST_F(DisplacedNodesTest, ANodeThatWasLeftKeepsItsPlaceUntilItIsBack) {
  BeginChain();
  fleet_.PutMoves("d", "n3", {{"n2", "n1"}}, true);
  fleet_.Coordinate();
  EXPECT_THAT(Parents(), ElementsAre(Pair("n1", "source"), Pair("n2", "n1"),
                                     Pair("n3", "n1"), Pair("n4", "n3")));
  Restart("n2");
  fleet_.Coordinate();
  EXPECT_THAT(Parents(), ElementsAre(Pair("n1", "source"), Pair("n2", "n4"),
                                     Pair("n3", "n1"), Pair("n4", "n3")));
  EXPECT_EQ(fleet_.Coordinate(), 0);
}

// Nobody has planned meanwhile.
TEST_F(DisplacedNodesTest,
       ANodeThatWasLeftBeforeItWasRegisteredAnewIsNoParent) {
  BeginChain();
  fleet_.PutMoves("d", "n3", {{"n2", "n1"}}, true,
                  absl::Now() - absl::Minutes(1));
  Restart("n2");
  fleet_.Coordinate();
  EXPECT_THAT(Parents(), ElementsAre(Pair("n1", "source"), Pair("n2", "n4"),
                                     Pair("n3", "n1"), Pair("n4", "n3")));
}

// What is lost when etcd forgets all leases is no connection.
TEST_F(DisplacedNodesTest, NodesThatNobodyHasLeftKeepTheirPlaces) {
  BeginChain();
  for (const char* node : {"n1", "n2", "n3", "n4"}) Restart(node);
  EXPECT_EQ(fleet_.Coordinate(), 0);
}

TEST_F(DisplacedNodesTest, ALateNodeKeepsThePlaceOfOneThatWasAway) {
  BeginChain();
  fleet_.KillNode("n4");
  fleet_.AddNode("late");
  fleet_.Coordinate();
  ASSERT_EQ(Parents().at("late"), "n3");
  fleet_.AddNode("n4");
  fleet_.Coordinate();
  EXPECT_EQ(Parents().at("late"), "n3");
  EXPECT_EQ(Parents().at("n4"), "late");
}

TEST_F(DisplacedNodesTest, NodesThatComeBackOneAfterTheOtherShareNobody) {
  BeginChain();
  fleet_.PutMoves("d", "n2", {{"n1", "source"}}, true);
  Restart("n1");
  fleet_.Coordinate();
  fleet_.PutMoves("d", "n4", {{"n3", "n2"}}, true);
  Restart("n3");
  fleet_.Coordinate();
  EXPECT_THAT(Parents(), ElementsAre(Pair("n1", "n4"), Pair("n2", "source"),
                                     Pair("n3", "n1"), Pair("n4", "n2")));
}

TEST_F(DisplacedNodesTest, ANodeThatWaitsForItsTurnLetsOthersPass) {
  BeginChain();
  fleet_.PutDelivery("d", "n2", v1::DELIVERY_STATE_WAITING);
  fleet_.PutMoves("d", "n3", {{"n2", "n1"}}, false);
  fleet_.Coordinate();
  EXPECT_THAT(Parents(), ElementsAre(Pair("n1", "source"), Pair("n2", "n4"),
                                     Pair("n3", "n1"), Pair("n4", "n3")));
  EXPECT_EQ(fleet_.Coordinate(), 0);
}

TEST_F(DisplacedNodesTest, AllThatWaitForTheirTurnsLetOthersPass) {
  BeginChain();
  fleet_.PutDelivery("d", "n1", v1::DELIVERY_STATE_WAITING);
  fleet_.PutDelivery("d", "n2", v1::DELIVERY_STATE_WAITING);
  fleet_.PutMoves("d", "n3", {{"n2", "source"}}, false);
  fleet_.Coordinate();
  EXPECT_THAT(Parents(), ElementsAre(Pair("n1", "n2"), Pair("n2", "n4"),
                                     Pair("n3", "source"), Pair("n4", "n3")));
}

TEST_F(DisplacedNodesTest, ThereIsNoSecondWayIntoTheRackOfAFirstNode) {
  fleet_.AddNode("source", "s");
  fleet_.AddNode("a1", "a", 3 * kTargetRate);
  for (const char* node : {"b1", "b2", "b3"}) {
    fleet_.AddNode(node, "b", 2 * kTargetRate);
  }
  Begin();
  ASSERT_EQ(Parents().at("b1"), "a1");
  fleet_.KillNode("b1");
  fleet_.Coordinate();
  ASSERT_EQ(Parents().at("b2"), "a1");
  fleet_.AddNode("b1", "b", 2 * kTargetRate);
  fleet_.Coordinate();
  EXPECT_EQ(Parents().at("b1"), "b3");
  EXPECT_EQ(Parents().at("b2"), "a1");
}

TEST_F(DisplacedNodesTest, WhereThereIsRoomANodeComesBackToItsPlace) {
  fleet_.AddNode("source", "r", 4 * kTargetRate);
  fleet_.AddNodes(3);
  Begin();
  const auto parents = Parents();
  ASSERT_THAT(parents, Contains(Pair("n2", "source")));
  fleet_.KillNode("n2");
  fleet_.Coordinate();
  fleet_.AddNode("n2");
  fleet_.Coordinate();
  EXPECT_EQ(Parents(), parents);
}

TEST_F(DisplacedNodesTest, ACoordinatorThatDiesMeanwhileChangesNothing) {
  BeginChain();
  fleet_.KillNode("n2");
  fleet_.Coordinate();
  fleet_.AddNode("n2");
  // The edges without the head.
  ASSERT_EQ(fleet_.Coordinate({}, absl::Now(), 1), 1);
  ASSERT_EQ(Parents().at("n2"), "n1");
  fleet_.Coordinate();
  EXPECT_THAT(Parents(), ElementsAre(Pair("n1", "source"), Pair("n2", "n4"),
                                     Pair("n3", "n1"), Pair("n4", "n3")));
}

// Each by another coordinator.
TEST_F(DisplacedNodesTest, AllThatAreStartedAnewInTurnAreAChainAllTheTime) {
  fleet_.AddNode("source", "s");
  std::vector<std::string> nodes;
  for (const char* rack : {"a", "b"}) {
    for (int i = 1; i <= 4; ++i) {
      nodes.push_back(absl::StrCat(rack, i));
      fleet_.AddNode(nodes.back(), rack);
    }
  }
  Begin();
  for (const std::string& node : nodes) {
    fleet_.KillNode(node);
    fleet_.Coordinate();
    fleet_.AddNode(node, node.substr(0, 1));
    fleet_.Coordinate();
    std::set<std::string> parents;
    for (const auto& [child, parent] : Parents()) {
      EXPECT_TRUE(parents.insert(parent).second)
          << parent << " sends to two, with " << node << " started anew";
    }
  }
  std::map<std::string, int> ways_in;
  for (const auto& [child, parent] : Parents()) {
    if (child[0] != parent[0]) ++ways_in[child.substr(0, 1)];
  }
  EXPECT_THAT(ways_in, ElementsAre(Pair("a", 1), Pair("b", 1)));
}

}  // namespace
}  // namespace tcptool::fleet
