#include "tests/server/fleet/plan/checked_tree.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "gtest/gtest.h"
#include "server/fleet/plan/branching.h"

namespace tcptool::fleet {
namespace {

using Nodes = std::map<std::string, PlanNode>;

// As plan.h has it for sources: what they were before they had all of it does
// not matter, unless all are slow.
Nodes WithEffectiveStandings(const std::vector<PlanNode>& nodes) {
  bool all_slow = true;
  for (const PlanNode& node : nodes) {
    if (node.has_all && node.standing != Standing::kSlow) all_slow = false;
  }
  Nodes named;
  for (PlanNode node : nodes) {
    if (node.has_all && (all_slow || node.standing == Standing::kLate)) {
      node.standing = Standing::kRegular;
    }
    named.emplace(node.name, node);
  }
  return named;
}

// Who is above whom, for trees of any depth.
class Ancestry {
 public:
  explicit Ancestry(const Nodes& nodes, const Edges& edges) : edges_(edges) {
    std::map<std::string, std::vector<std::string>> children;
    for (const auto& [name, edge] : edges) {
      children[edge.parent].push_back(name);
    }
    // A walk down from the sources, which sees each node twice: before and
    // after all that is below it.
    std::vector<std::string> walk;
    for (const auto& [name, node] : nodes) {
      if (node.has_all) walk.push_back(name);
    }
    int time = 0;
    while (!walk.empty()) {
      const std::string name = walk.back();
      const auto [span, is_new] = spans_.try_emplace(name, ++time, 0);
      if (!is_new) {
        span->second.second = time;
        walk.pop_back();
        continue;
      }
      for (const std::string& child : children[name]) walk.push_back(child);
    }
  }

  bool IsBelowASource(const std::string& node) const {
    return spans_.contains(node);
  }
  bool IsAbove(const std::string& above, const std::string& node) const {
    return spans_.at(above).first < spans_.at(node).first &&
           spans_.at(above).second > spans_.at(node).second;
  }
  // How many there are above a node.
  int DepthOf(const std::string& node) const {
    int depth = 0;
    for (auto edge = edges_.find(node); edge != edges_.end();
         edge = edges_.find(edge->second.parent)) {
      ++depth;
    }
    return depth;
  }
  // Of those above a node, up to four, its parent first.
  std::vector<std::string> NearestAbove(const std::string& node) const {
    std::vector<std::string> above;
    for (auto edge = edges_.find(node);
         edge != edges_.end() && above.size() < 4;
         edge = edges_.find(above.back())) {
      above.push_back(edge->second.parent);
    }
    return above;
  }

 private:
  const Edges& edges_;
  std::map<std::string, std::pair<int, int>> spans_;
};

void ExpectFallbacks(const Nodes& nodes, const Ancestry& ancestry,
                     const PlanEdge& edge) {
  const std::vector<std::string> above = ancestry.NearestAbove(edge.node);
  std::set<std::string> seen = {edge.node, edge.parent};
  EXPECT_LE(edge.fallbacks.size(), 3U);
  for (const std::string& name : edge.fallbacks) {
    EXPECT_TRUE(seen.insert(name).second) << name << " twice for " << edge.node;
    ASSERT_TRUE(nodes.contains(name)) << name;
    EXPECT_TRUE(nodes.at(name).has_all || ancestry.IsAbove(name, edge.node))
        << name << " is not above " << edge.node;
  }
  EXPECT_GE(edge.fallbacks.size(), above.size() - 1)
      << edge.node << " has more nodes above it";
  if (above.size() > 1) {
    ASSERT_FALSE(edge.fallbacks.empty());
    EXPECT_EQ(edge.fallbacks.front(), above[1]);
  }
}

void ExpectRacks(const Nodes& nodes, const Edges& edges) {
  std::set<std::string> racks_with_source;
  for (const auto& [name, node] : nodes) {
    if (node.has_all && node.standing == Standing::kRegular) {
      racks_with_source.insert(node.rack);
    }
  }
  std::map<std::tuple<std::string, Standing>, int> entries;
  for (const auto& [name, edge] : edges) {
    const PlanNode& node = nodes.at(name);
    if (nodes.at(edge.parent).rack == node.rack) continue;
    EXPECT_EQ(++entries[std::tuple(node.rack, node.standing)], 1)
        << "two edges into " << node.rack << ", one to " << name;
    if (node.standing == Standing::kRegular) {
      EXPECT_FALSE(racks_with_source.contains(node.rack)) << name;
    }
  }
}

void ExpectRoom(const Nodes& nodes, const PlanPolicy& policy,
                const Tree& tree) {
  std::map<std::string, int> children;
  std::map<std::string, uint64_t> caps;
  for (const PlanEdge& edge : tree.edges) {
    ++children[edge.parent];
    caps[edge.parent] += edge.cap;
    EXPECT_EQ(edge.cap == 0, nodes.at(edge.parent).egress == 0);
  }
  for (const auto& [name, number] : children) {
    const PlanNode& node = nodes.at(name);
    EXPECT_LE(number, std::max(FanOut(node, policy), tree.branching)) << name;
    if (node.egress == 0) continue;
    EXPECT_LE(caps[name], node.egress) << name;
  }
}

}  // namespace

Edges EdgesByNode(const Tree& tree) {
  Edges edges;
  for (const PlanEdge& edge : tree.edges) {
    EXPECT_TRUE(edges.emplace(edge.node, edge).second)
        << edge.node << " has two parents";
  }
  return edges;
}

void ExpectKeepsPromises(const std::vector<PlanNode>& nodes,
                         const PlanPolicy& policy, const Tree& tree) {
  const Nodes named = WithEffectiveStandings(nodes);
  const Edges edges = EdgesByNode(tree);
  for (const auto& [name, edge] : edges) {
    ASSERT_TRUE(named.contains(name)) << name;
    ASSERT_TRUE(named.contains(edge.parent)) << edge.parent;
    EXPECT_LE(named.at(edge.parent).standing, named.at(name).standing)
        << name << " is below " << edge.parent;
  }
  const Ancestry ancestry(named, edges);
  for (const auto& [name, node] : named) {
    ASSERT_EQ(edges.contains(name), !node.has_all) << name;
    if (node.has_all) continue;
    ASSERT_TRUE(ancestry.IsBelowASource(name)) << name << " is below no source";
  }
  for (const auto& [name, edge] : edges) ExpectFallbacks(named, ancestry, edge);
  for (const auto& [name, edge] : edges) {
    EXPECT_TRUE(policy.max_children == 1 ||
                named.at(name).standing != Standing::kRegular ||
                ancestry.DepthOf(name) <= policy.max_hops)
        << name << " is too far from a source";
  }
  ExpectRacks(named, edges);
  ExpectRoom(named, policy, tree);
}

Tree CheckedPlan(const std::vector<PlanNode>& nodes, const PlanPolicy& policy,
                 const Tree& current) {
  const absl::StatusOr<Tree> tree = PlanTree(nodes, policy, current);
  EXPECT_TRUE(tree.ok()) << tree.status();
  if (!tree.ok()) return {};
  ExpectKeepsPromises(nodes, policy, *tree);

  const auto expect_same = [&tree](const absl::StatusOr<Tree>& other,
                                   const char* what) {
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_EQ(other->branching, tree->branching) << what;
    ASSERT_EQ(other->edges.size(), tree->edges.size()) << what;
    for (size_t i = 0; i < tree->edges.size(); ++i) {
      const PlanEdge& edge = tree->edges[i];
      EXPECT_EQ(other->edges[i].parent, edge.parent)
          << what << ": " << edge.node;
      EXPECT_EQ(other->edges[i].fallbacks, edge.fallbacks) << what;
      EXPECT_EQ(other->edges[i].cap, edge.cap) << what;
    }
  };
  expect_same(PlanTree({nodes.rbegin(), nodes.rend()}, policy, current),
              "in another order");
  expect_same(PlanTree(nodes, policy, *tree), "planned again");
  return *tree;
}

}  // namespace tcptool::fleet
