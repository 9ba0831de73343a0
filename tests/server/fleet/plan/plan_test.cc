#include "server/fleet/plan/plan.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/plan/checked_tree.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr uint64_t kRate = 1'000'000'000;
const PlanPolicy kPolicy = {.target_rate = kRate};

const PlanNode kSource = {.name = "source", .rack = "a", .has_all = true};

std::string ParentOf(const Tree& tree, const std::string& node) {
  for (const PlanEdge& edge : tree.edges) {
    if (edge.node == node) return edge.parent;
  }
  return "";
}

std::vector<PlanNode> Without(std::vector<PlanNode> nodes,
                              const std::string& name) {
  std::erase_if(nodes, [&](const PlanNode& node) { return node.name == name; });
  return nodes;
}

PlanNode& Named(std::vector<PlanNode>& nodes, const std::string& name) {
  return *std::find_if(nodes.begin(), nodes.end(),
                       [&](const PlanNode& node) { return node.name == name; });
}

// Nodes whose parents differ.
std::vector<std::string> Moved(const Tree& before, const Tree& after) {
  std::vector<std::string> moved;
  for (const PlanEdge& edge : after.edges) {
    const std::string parent = ParentOf(before, edge.node);
    if (!parent.empty() && parent != edge.parent) moved.push_back(edge.node);
  }
  return moved;
}

const std::vector<PlanNode> kTwoRacks = {
    kSource,
    {.name = "a1", .rack = "a"},
    {.name = "a2", .rack = "a"},
    {.name = "b1", .rack = "b"},
    {.name = "b2", .rack = "b"},
};

TEST(PlanTree, IsAChainThroughOneRackAfterTheOtherWhereTheLinkIsTheLimit) {
  const Tree tree = CheckedPlan(kTwoRacks, kPolicy);
  EXPECT_EQ(ParentOf(tree, "a1"), "source");
  EXPECT_EQ(ParentOf(tree, "a2"), "a1");
  EXPECT_EQ(ParentOf(tree, "b1"), "a2");
  EXPECT_EQ(ParentOf(tree, "b2"), "b1");
}

TEST(PlanTree, GivesEachNodeAsManyChildrenAsItsEgressHasRoomFor) {
  std::vector<PlanNode> nodes = {kSource};
  nodes[0].egress = 3 * kRate;
  for (int i = 1; i <= 6; ++i) {
    nodes.push_back(
        {.name = absl::StrCat("n", i), .rack = "a", .egress = kRate});
  }
  const Tree tree = CheckedPlan(nodes, kPolicy);
  for (const char* near : {"n1", "n2", "n3"}) {
    EXPECT_EQ(ParentOf(tree, near), "source");
  }
  EXPECT_EQ(ParentOf(tree, "n4"), "n1");
  EXPECT_EQ(ParentOf(tree, "n5"), "n2");
  EXPECT_EQ(tree.edges[0].cap, kRate);
}

TEST(PlanTree, ChainsTheFirstNodesOfRacksWhereTheyHaveRoom) {
  std::vector<PlanNode> nodes = {kSource};
  for (const char* rack : {"b", "c", "d"}) {
    for (int i = 1; i <= 7; ++i) {
      nodes.push_back(
          {.name = absl::StrCat(rack, i), .rack = rack, .egress = 2 * kRate});
    }
  }
  const Tree tree = CheckedPlan(nodes, kPolicy);
  EXPECT_EQ(ParentOf(tree, "b1"), "source");
  EXPECT_EQ(ParentOf(tree, "c1"), "b1");
  EXPECT_EQ(ParentOf(tree, "d1"), "c1");
}

TEST(PlanTree, HasFastNodesFirstAndSlowOnesLast) {
  std::vector<PlanNode> nodes = kTwoRacks;
  Named(nodes, "a1").rate = kRate / 2;
  Named(nodes, "b1").standing = Standing::kSlow;
  const Tree tree = CheckedPlan(nodes, kPolicy);
  EXPECT_EQ(ParentOf(tree, "a2"), "source");
  EXPECT_EQ(ParentOf(tree, "a1"), "a2");
  EXPECT_EQ(ParentOf(tree, "b2"), "a1");
  EXPECT_EQ(ParentOf(tree, "b1"), "b2");
}

TEST(PlanTree, PutsRacksWithSlowNodesLast) {
  std::vector<PlanNode> nodes = {
      kSource,
      {.name = "b1", .rack = "b"},
      {.name = "b2", .rack = "b", .standing = Standing::kSlow},
      {.name = "c1", .rack = "c"}};
  const Tree tree = CheckedPlan(nodes, kPolicy);
  EXPECT_EQ(ParentOf(tree, "c1"), "source");
  EXPECT_EQ(ParentOf(tree, "b1"), "c1");
  EXPECT_EQ(ParentOf(tree, "b2"), "b1");
}

TEST(PlanTree, FallsBackOnTheParentsParentTheRacksFirstAndTheSource) {
  std::vector<PlanNode> nodes = {kSource};
  for (int i = 1; i <= 6; ++i) {
    nodes.push_back({.name = absl::StrCat("b", i), .rack = "b"});
  }
  const Tree tree = CheckedPlan(nodes, kPolicy);
  const Edges edges = EdgesByNode(tree);
  EXPECT_THAT(edges.at("b6").fallbacks, ElementsAre("b4", "b1", "source"));
  EXPECT_THAT(edges.at("b3").fallbacks, ElementsAre("b1", "source"));
  EXPECT_THAT(edges.at("b1").fallbacks, ElementsAre());
}

TEST(PlanTree, HangsWhatWasBelowADeadNodeOnTheOneAboveIt) {
  const Tree before = CheckedPlan(kTwoRacks, kPolicy);
  for (const char* dead : {"a1", "a2", "b1", "b2"}) {
    const Tree after = CheckedPlan(Without(kTwoRacks, dead), kPolicy, before);
    for (const std::string& node : Moved(before, after)) {
      EXPECT_EQ(ParentOf(before, node), dead);
      EXPECT_EQ(ParentOf(after, node), ParentOf(before, dead));
    }
  }
}

TEST(PlanTree, ManyThatDieAtOnceMoveNobodyElse) {
  const Tree before = CheckedPlan(kTwoRacks, kPolicy);
  const Tree after = CheckedPlan(
      Without(Without(Without(kTwoRacks, "a1"), "a2"), "b1"), kPolicy, before);
  EXPECT_EQ(ParentOf(after, "b2"), "source");
}

TEST(PlanTree, TheChildrenOfASlowNodeGoToItsParentAndItselfToTheTail) {
  std::vector<PlanNode> nodes = kTwoRacks;
  const Tree before = CheckedPlan(nodes, kPolicy);
  Named(nodes, "b1").standing = Standing::kSlow;
  const Tree after = CheckedPlan(nodes, kPolicy, before);
  EXPECT_EQ(ParentOf(after, "b2"), "a2");
  EXPECT_EQ(ParentOf(after, "b1"), "b2");
  EXPECT_THAT(Moved(before, after), ElementsAre("b1", "b2"));
}

TEST(PlanTree, ALateNodeHangsOnATailAndMovesNobody) {
  std::vector<PlanNode> nodes = kTwoRacks;
  const Tree before = CheckedPlan(nodes, kPolicy);
  nodes.push_back({.name = "a0", .rack = "a", .standing = Standing::kLate});
  nodes.push_back({.name = "b0", .rack = "b", .standing = Standing::kLate});
  const Tree after = CheckedPlan(nodes, kPolicy, before);
  EXPECT_THAT(Moved(before, after), ElementsAre());
  EXPECT_EQ(ParentOf(after, "b0"), "b2");
  // Its own rack has no room without harm to others.
  EXPECT_EQ(ParentOf(after, "a0"), "b0");
}

// The source, and four that send to nobody, each with room for four.
const std::vector<PlanNode> kStar = {
    {.name = "source", .rack = "a", .egress = 4 * kRate, .has_all = true},
    {.name = "a1", .rack = "a", .egress = 4 * kRate},
    {.name = "a2", .rack = "a", .egress = 4 * kRate},
    {.name = "a3", .rack = "a", .egress = 4 * kRate},
    {.name = "a4", .rack = "a", .egress = 4 * kRate}};

std::vector<PlanNode> WithLate(std::vector<PlanNode> nodes, int number,
                               const std::string& rack = "a") {
  for (int i = 1; i <= number; ++i) {
    nodes.push_back({.name = absl::StrCat("late", i),
                     .rack = rack,
                     .egress = kRate,
                     .standing = Standing::kLate});
  }
  return nodes;
}

std::vector<std::string> ParentsOfLate(const Tree& tree) {
  std::vector<std::string> parents;
  for (const PlanEdge& edge : tree.edges) {
    if (edge.node.starts_with("late")) parents.push_back(edge.parent);
  }
  return parents;
}

TEST(PlanTree, SpreadsLateNodesOverThoseThatSendToNobody) {
  const Tree before = CheckedPlan(kStar, kPolicy);
  ASSERT_EQ(ParentOf(before, "a4"), "source");
  const Tree after = CheckedPlan(WithLate(kStar, 4), kPolicy, before);
  EXPECT_THAT(ParentsOfLate(after),
              UnorderedElementsAre("a1", "a2", "a3", "a4"));
  EXPECT_THAT(Moved(before, after), ElementsAre());
}

TEST(PlanTree, SpreadsLateNodesByTheEgressThatIsLeft) {
  std::vector<PlanNode> nodes = kStar;
  Named(nodes, "a2").egress = 2 * kRate;
  Named(nodes, "a3").egress = 8 * kRate;
  const Tree before = CheckedPlan(nodes, kPolicy);
  const Tree after = CheckedPlan(WithLate(nodes, 4), kPolicy, before);
  EXPECT_THAT(ParentsOfLate(after),
              UnorderedElementsAre("a3", "a3", "a1", "a4"));
}

TEST(PlanTree, HangsLateNodesFirstOnThoseThatHaveTheWhole) {
  std::vector<PlanNode> nodes = kStar;
  const Tree before = CheckedPlan(nodes, kPolicy);
  Named(nodes, "a3").has_all = true;
  EXPECT_THAT(ParentsOfLate(CheckedPlan(WithLate(nodes, 1), kPolicy, before)),
              ElementsAre("a3"));
  // From another rack too.
  EXPECT_THAT(
      ParentsOfLate(CheckedPlan(WithLate(nodes, 1, "b"), kPolicy, before)),
      ElementsAre("a3"));
}

TEST(PlanTree, HangsNoLateNodeOnASlowOneWhileAnotherIsThere) {
  std::vector<PlanNode> nodes = kStar;
  const Tree before = CheckedPlan(nodes, kPolicy);
  for (const char* slow : {"a1", "a2", "a3"}) {
    Named(nodes, slow).standing = Standing::kSlow;
    Named(nodes, slow).has_all = true;
  }
  EXPECT_THAT(ParentsOfLate(CheckedPlan(WithLate(nodes, 3), kPolicy, before)),
              UnorderedElementsAre("a4", "a4", "source"));
}

TEST(PlanTree, HangsNoLateNodeTooFarFromTheSourceWhereAnotherHasRoom) {
  std::vector<PlanNode> nodes = {
      {.name = "source", .rack = "a", .egress = kRate, .has_all = true},
      {.name = "a1", .rack = "a", .egress = 3 * kRate},
      {.name = "a2", .rack = "a", .egress = 2 * kRate},
      {.name = "a3", .rack = "a", .egress = 2 * kRate}};
  PlanPolicy policy = kPolicy;
  policy.max_hops = 2;
  const Tree before = CheckedPlan(nodes, policy);
  ASSERT_EQ(ParentOf(before, "a3"), "a1");
  nodes = WithLate(nodes, 2);
  const Tree after = CheckedPlan(nodes, policy, before);
  EXPECT_EQ(ParentOf(after, "late1"), "a1");
  EXPECT_EQ(ParentOf(after, "late2"), "a2") << "There is no other room.";
  EXPECT_THAT(Moved(before, after), ElementsAre());
}

TEST(PlanTree, ARegularNodeThatComesBeforeTheStartIsPutIntoItsRack) {
  std::vector<PlanNode> nodes = kTwoRacks;
  const Tree before = CheckedPlan(nodes, kPolicy);
  nodes.push_back({.name = "a0", .rack = "a"});
  const Tree after = CheckedPlan(nodes, kPolicy, before);
  EXPECT_EQ(ParentOf(after, "a0"), "a2");
  EXPECT_EQ(ParentOf(after, "b1"), "a0");
  EXPECT_THAT(Moved(before, after), ElementsAre("b1"));
}

TEST(PlanTree, WhoHasAllIsASourceAndKeepsItsChildren) {
  std::vector<PlanNode> nodes = kTwoRacks;
  const Tree before = CheckedPlan(nodes, kPolicy);
  Named(nodes, "b1").has_all = true;
  const Tree after = CheckedPlan(Without(nodes, "source"), kPolicy, before);
  EXPECT_EQ(ParentOf(after, "b2"), "b1");
  EXPECT_EQ(ParentOf(after, "b1"), "");
  EXPECT_EQ(ParentOf(after, "a2"), "a1");
}

TEST(PlanTree, ServesSlowNodesAloneFromASlowSourceIfThereIsAnother) {
  std::vector<PlanNode> nodes = kTwoRacks;
  nodes.push_back({.name = "b0",
                   .rack = "b",
                   .standing = Standing::kSlow,
                   .has_all = true});
  Named(nodes, "b2").standing = Standing::kSlow;
  const Tree tree = CheckedPlan(nodes, kPolicy);
  EXPECT_EQ(ParentOf(tree, "b1"), "a2");
  EXPECT_EQ(ParentOf(tree, "b2"), "b0");
}

TEST(PlanTree, BranchesWhereAChainWouldTakeLonger) {
  std::vector<PlanNode> nodes = {kSource};
  for (int i = 0; i < 1'000; ++i) {
    nodes.push_back({.name = absl::StrCat("n", i), .rack = "a"});
  }
  PlanPolicy policy = {.size = 100 * kRate};
  EXPECT_EQ(CheckedPlan(nodes, policy).branching, 1);
  policy.size = 1 << 20;
  const Tree tree = CheckedPlan(nodes, policy);
  EXPECT_GT(tree.branching, 1);
  size_t deepest = 0;
  const Edges edges = EdgesByNode(tree);
  for (const PlanEdge& edge : tree.edges) {
    size_t depth = 1;
    for (auto i = edges.find(edge.parent); i != edges.end();
         i = edges.find(i->second.parent)) {
      ++depth;
    }
    deepest = std::max(deepest, depth);
  }
  EXPECT_LE(deepest, 12U);
}

// However large the content is: a node takes it through so many others only.
TEST(PlanTree, BranchesWhereAChainWouldBeLongerThanItMayBe) {
  const PlanPolicy policy = {.max_hops = 20};
  std::vector<PlanNode> nodes = {kSource};
  for (int i = 0; i < 20; ++i) {
    nodes.push_back({.name = absl::StrCat("n", i), .rack = "a"});
  }
  const Tree chain = CheckedPlan(nodes, policy);
  EXPECT_EQ(chain.branching, 1);
  // One that is late moves nobody for that.
  const Tree longer = CheckedPlan(WithLate(nodes, 1, "b"), policy, chain);
  EXPECT_EQ(longer.branching, 1);
  EXPECT_THAT(Moved(chain, longer), ElementsAre());
  // One more than there may be.
  nodes.push_back({.name = "x", .rack = "a"});
  EXPECT_EQ(CheckedPlan(nodes, policy, chain).branching, 2);
  // Racks are a chain of their own.
  for (int i = 0; i < 50; ++i) {
    nodes.push_back(
        {.name = absl::StrCat("r", i), .rack = absl::StrCat("rack", i)});
  }
  CheckedPlan(nodes, policy);
  CheckedPlan(nodes, policy, chain);
}

TEST(PlanTree, StaysInItsShapeWhileThatIsGoodEnough) {
  std::vector<PlanNode> nodes = {kSource};
  for (int i = 0; i < 200; ++i) {
    nodes.push_back({.name = absl::StrCat("n", i), .rack = "a"});
  }
  const PlanPolicy policy = {.size = 1 << 20};
  const Tree before = CheckedPlan(nodes, policy);
  nodes.pop_back();
  const Tree after = CheckedPlan(nodes, policy, before);
  EXPECT_EQ(after.branching, before.branching);
  EXPECT_LE(Moved(before, after).size(), 2U);
}

TEST(PlanTree, PutsUpWithATreeThatContradictsItself) {
  const Tree nonsense = {.edges = {{.node = "a1", .parent = "a2"},
                                   {.node = "a2", .parent = "a1"},
                                   {.node = "a2", .parent = "b1"},
                                   {.node = "b1", .parent = "b1"},
                                   {.node = "b2", .parent = "nobody"},
                                   {.node = "source", .parent = "b2"},
                                   {.node = "nobody", .parent = "nobody"}}};
  CheckedPlan(kTwoRacks, kPolicy, nonsense);
}

TEST(PlanTree, IsEmptyWhereNobodyWantsTheContent) {
  EXPECT_THAT(CheckedPlan({kSource}, kPolicy).edges, ElementsAre());
}

TEST(PlanTree, RefusesANameTwice) {
  const auto tree = PlanTree({kSource, kSource}, kPolicy, {});
  EXPECT_EQ(tree.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(tree.status().message()), HasSubstr("'source'"));
}

TEST(PlanTree, RefusesAFleetWithoutASource) {
  const auto tree = PlanTree({{.name = "a1"}}, kPolicy, {});
  EXPECT_EQ(tree.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(PlanTree, RefusesNumbersThatAreOutOfRange) {
  for (const PlanPolicy& policy :
       {PlanPolicy{.target_rate = 0}, PlanPolicy{.max_children = 0},
        PlanPolicy{.racks_fed_by_rack = 0}, PlanPolicy{.max_hops = 0},
        PlanPolicy{.hop_delay = std::chrono::nanoseconds(-1)}}) {
    EXPECT_EQ(PlanTree({kSource}, policy, {}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace tcptool::fleet
