// Random fleets, with random things that happen to them. A failure prints its
// seed; TCPTOOL_TEST_SEED has the test begin with that.
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/fleet/plan/branching.h"
#include "server/fleet/plan/plan.h"
#include "tests/server/fleet/first_seed.h"
#include "tests/server/fleet/plan/checked_tree.h"

namespace tcptool::fleet {
namespace {

constexpr uint64_t kRate = 1'000'000;

class RandomFleet {
 public:
  explicit RandomFleet(uint32_t seed) : random_(seed) {
    policy_ = {.size = Below(3) == 0 ? 0 : uint64_t{1} << Below(40),
               .target_rate = kRate,
               .max_children = Between(1, 20),
               .racks_fed_by_rack = Between(1, 3)};
    racks_ = Between(1, 12);
    has_slow_ = Below(2) == 0;
    const int nodes = Below(8) == 0 ? Between(1, 150) : Between(1, 20);
    for (int i = 0; i < nodes; ++i) Add(RandomStanding());
    nodes_[Below(nodes)].has_all = true;
  }

  std::vector<PlanNode>& nodes() { return nodes_; }
  const PlanPolicy& policy() const { return policy_; }

  // A tree that has become too deep is planned anew, so that many move.
  void LimitHops() { policy_.max_hops = Between(40, 200); }

  int Below(int limit) {
    return std::uniform_int_distribution<int>(0, limit - 1)(random_);
  }
  int Between(int least, int most) { return least + Below(most - least + 1); }

  void Add(Standing standing) {
    nodes_.push_back({.name = absl::StrCat("n", next_++),
                      .rack = absl::StrCat("r", Below(racks_)),
                      .egress = Below(2) == 0 ? 0 : kRate * Below(80) / 10,
                      .rate = Below(2) == 0 ? 0 : kRate * Between(1, 30) / 10,
                      .standing = standing});
  }
  Standing RandomStanding() {
    if (!has_slow_ || Below(4) != 0) return Standing::kRegular;
    return Below(2) == 0 ? Standing::kLate : Standing::kSlow;
  }
  PlanNode& Any() { return nodes_[Below(static_cast<int>(nodes_.size()))]; }

  // Takes up to `most` nodes away, but not all sources; returns how many.
  int Kill(int most) {
    int killed = 0;
    for (int i = Between(1, most); i > 0; --i) {
      const int victim = Below(static_cast<int>(nodes_.size()));
      const auto sources =
          std::count_if(nodes_.begin(), nodes_.end(),
                        [](const PlanNode& node) { return node.has_all; });
      if (nodes_[victim].has_all && sources == 1) continue;
      nodes_.erase(nodes_.begin() + victim);
      ++killed;
    }
    return killed;
  }

  // A tree that nobody planned.
  Tree Nonsense() {
    Tree tree = {.branching = Between(-1, 3)};
    for (int i = 0; i < next_; ++i) {
      if (Below(5) == 0) continue;
      tree.edges.push_back({.node = absl::StrCat("n", i),
                            .parent = absl::StrCat("n", Below(next_ + 2))});
    }
    return tree;
  }

 private:
  std::mt19937 random_;
  PlanPolicy policy_;
  int racks_ = 1;
  bool has_slow_ = false;
  int next_ = 0;
  std::vector<PlanNode> nodes_;
};

// How many nodes have another parent although theirs is still there and not of
// a lower standing; and how many have one because theirs is not fit any more.
struct Moves {
  int regular = 0;
  int late = 0;
  int orphans = 0;
};
Moves MovesBetween(const Tree& before, const Tree& after,
                   const std::vector<PlanNode>& nodes) {
  std::map<std::string, PlanNode> named;
  for (const PlanNode& node : nodes) named.emplace(node.name, node);
  const Edges old = EdgesByNode(before);
  Moves moves;
  for (const PlanEdge& edge : after.edges) {
    const auto found = old.find(edge.node);
    if (found == old.end() || found->second.parent == edge.parent) continue;
    const auto parent = named.find(found->second.parent);
    const Standing standing = named.at(edge.node).standing;
    if (parent == named.end() || parent->second.standing > standing) {
      ++moves.orphans;
    } else if (standing == Standing::kRegular) {
      ++moves.regular;
    } else if (standing == Standing::kLate) {
      ++moves.late;
    }
  }
  return moves;
}

// Calls a function with fleets of different seeds, until it has failed once.
template <typename Function>
void ForManyFleets(int fleets, Function function) {
  const uint32_t first = FirstSeed();
  for (int i = 0; i < fleets && !::testing::Test::HasFailure(); ++i) {
    const uint32_t seed = first + static_cast<uint32_t>(i);
    SCOPED_TRACE(absl::StrCat("TCPTOOL_TEST_SEED=", seed));
    RandomFleet fleet(seed);
    function(fleet);
  }
}

TEST(PlanOfRandomFleets, KeepsItsPromises) {
  ForManyFleets(250, [](RandomFleet& fleet) {
    fleet.LimitHops();
    CheckedPlan(fleet.nodes(), fleet.policy());
  });
}

TEST(PlanOfRandomFleets, KeepsItsPromisesWhateverTreeIsThere) {
  ForManyFleets(250, [](RandomFleet& fleet) {
    fleet.LimitHops();
    CheckedPlan(fleet.nodes(), fleet.policy(), fleet.Nonsense());
  });
}

TEST(PlanOfRandomFleets, KeepsItsPromisesWhateverHappens) {
  ForManyFleets(250, [](RandomFleet& fleet) {
    fleet.LimitHops();
    Tree tree = CheckedPlan(fleet.nodes(), fleet.policy());
    for (int i = 0; i < 8 && !::testing::Test::HasFailure(); ++i) {
      switch (fleet.Below(4)) {
        case 0:
          fleet.Kill(5);
          break;
        case 1:
          fleet.Add(fleet.RandomStanding());
          break;
        case 2:
          fleet.Any().has_all = true;
          break;
        default:
          fleet.Any().standing = fleet.RandomStanding();
      }
      tree = CheckedPlan(fleet.nodes(), fleet.policy(), tree);
    }
  });
}

TEST(PlanOfRandomFleets, KeepsItsPromisesWhoeverHasLostItsPlace) {
  ForManyFleets(250, [](RandomFleet& fleet) {
    const Tree before = CheckedPlan(fleet.nodes(), fleet.policy());
    for (PlanNode& node : fleet.nodes()) {
      if (node.has_all || fleet.Below(4) != 0) continue;
      if (node.standing == Standing::kRegular) node.standing = Standing::kLate;
      node.is_displaced = fleet.Below(2) == 0;
      node.may_be_gone = fleet.Below(2) == 0;
    }
    const auto after = PlanTree(fleet.nodes(), fleet.policy(), before);
    ASSERT_TRUE(after.ok()) << after.status();
    ExpectKeepsPromises(fleet.nodes(), fleet.policy(), *after);
  });
}

// A node that lost its parent may have to take the place of another, if its
// parent had more room than those that are left. And where room has come free,
// a late node comes back from another rack.
void ExpectFewMoves(const Moves& moves, int lost) {
  EXPECT_LE(moves.regular, moves.orphans);
  EXPECT_LE(moves.late, moves.orphans + moves.regular + lost);
}

TEST(PlanOfRandomFleets, DeathsMoveFewOthers) {
  ForManyFleets(250, [](RandomFleet& fleet) {
    const Tree before = CheckedPlan(fleet.nodes(), fleet.policy());
    const int killed = fleet.Kill(10);
    const Tree after = CheckedPlan(fleet.nodes(), fleet.policy(), before);
    ExpectFewMoves(MovesBetween(before, after, fleet.nodes()), killed);
  });
}

TEST(PlanOfRandomFleets, DeathsMoveNobodyElseWhereTheLinkIsTheLimit) {
  ForManyFleets(250, [](RandomFleet& fleet) {
    for (PlanNode& node : fleet.nodes()) {
      node.egress = 0;
      node.standing = Standing::kRegular;
    }
    const Tree before = CheckedPlan(fleet.nodes(), fleet.policy());
    fleet.Kill(10);
    const Tree after = CheckedPlan(fleet.nodes(), fleet.policy(), before);
    EXPECT_EQ(MovesBetween(before, after, fleet.nodes()).regular, 0);
  });
}

TEST(PlanOfRandomFleets, ANodeThatIsFoundSlowMovesFewButItsChildren) {
  ForManyFleets(250, [](RandomFleet& fleet) {
    const Tree before = CheckedPlan(fleet.nodes(), fleet.policy());
    fleet.Any().standing = Standing::kSlow;
    const Tree after = CheckedPlan(fleet.nodes(), fleet.policy(), before);
    ExpectFewMoves(MovesBetween(before, after, fleet.nodes()), 1);
  });
}

TEST(PlanOfRandomFleets, LateNodesMoveNoRegularOne) {
  ForManyFleets(250, [](RandomFleet& fleet) {
    const Tree before = CheckedPlan(fleet.nodes(), fleet.policy());
    for (int i = fleet.Between(1, 5); i > 0; --i) fleet.Add(Standing::kLate);
    const Tree after = CheckedPlan(fleet.nodes(), fleet.policy(), before);
    EXPECT_EQ(MovesBetween(before, after, fleet.nodes()).regular, 0);
  });
}

// What a node can send to each of so many children.
uint64_t ShareOf(const PlanNode& node, int children) {
  return (node.egress == 0 ? kRate : node.egress) / children;
}

// None has less from its parent than a regular node of that one's rack, which
// has room, would have given it.
TEST(PlanOfRandomFleets, LateNodesGoWhereMostEgressIsLeft) {
  ForManyFleets(250, [](RandomFleet& fleet) {
    for (PlanNode& node : fleet.nodes()) node.standing = Standing::kRegular;
    const Tree before = CheckedPlan(fleet.nodes(), fleet.policy());
    for (int i = fleet.Between(1, 20); i > 0; --i) fleet.Add(Standing::kLate);
    const Tree after = CheckedPlan(fleet.nodes(), fleet.policy(), before);
    std::map<std::string, PlanNode> named;
    for (const PlanNode& node : fleet.nodes()) named.emplace(node.name, node);
    std::map<std::string, int> children;
    for (const PlanEdge& edge : after.edges) ++children[edge.parent];
    for (const PlanEdge& edge : after.edges) {
      if (named.at(edge.node).standing != Standing::kLate) continue;
      const PlanNode& parent = named.at(edge.parent);
      for (const auto& [name, other] : named) {
        const int slots =
            std::max(FanOut(other, fleet.policy()), after.branching);
        if (other.standing == Standing::kRegular && other.rack == parent.rack &&
            children[name] < slots) {
          EXPECT_GE(ShareOf(parent, children[parent.name]),
                    ShareOf(other, children[name] + 1))
              << edge.node << " is below " << parent.name << ", not " << name;
        }
      }
    }
  });
}

TEST(PlanOfRandomFleets, ANewRegularNodeMovesOneAtMost) {
  ForManyFleets(250, [](RandomFleet& fleet) {
    const Tree before = CheckedPlan(fleet.nodes(), fleet.policy());
    fleet.Add(Standing::kRegular);
    const Tree after = CheckedPlan(fleet.nodes(), fleet.policy(), before);
    EXPECT_LE(MovesBetween(before, after, fleet.nodes()).regular, 1);
  });
}

// How long that takes, `./dev bench plan` tells, and has a bar for it.
TEST(PlanOfTenThousandNodes, KeepsItsPromisesWhenItIsMadeAndMended) {
  for (const uint64_t egress : {uint64_t{0}, 4 * kRate}) {
    for (const int racks : {50, 2'000}) {
      std::vector<PlanNode> nodes;
      nodes.reserve(10'000);
      for (int i = 0; i < 10'000; ++i) {
        nodes.push_back({.name = absl::StrCat("node-", i),
                         .rack = absl::StrCat("rack-", i % racks),
                         .egress = egress});
      }
      nodes[0].has_all = true;
      const PlanPolicy policy = {.size = 1'000'000'000, .target_rate = kRate};
      const auto planned = [&](const Tree& current) {
        const auto tree = PlanTree(nodes, policy, current);
        ExpectKeepsPromises(nodes, policy, *tree);
        return *tree;
      };
      const Tree fresh = planned({});
      std::mt19937 random(1);
      std::erase_if(nodes, [&random](const PlanNode& node) {
        return !node.has_all && random() % 10 == 0;
      });
      planned(fresh);  // A tenth has died.
    }
  }
}

}  // namespace
}  // namespace tcptool::fleet
