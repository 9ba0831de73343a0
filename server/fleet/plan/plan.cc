#include "server/fleet/plan/plan.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/fleet/plan/branching.h"
#include "server/fleet/plan/fleet_view.h"
#include "server/fleet/plan/kept_edges.h"
#include "server/fleet/plan/tree_builder.h"

namespace tcptool::fleet {
namespace {

absl::Status Check(const std::vector<PlanNode>& nodes,
                   const PlanPolicy& policy) {
  if (policy.target_rate < 1 || policy.max_children < 1 ||
      policy.racks_fed_by_rack < 1 || policy.max_hops < 1 ||
      policy.hop_delay.count() < 0) {
    return absl::InvalidArgumentError(
        "a plan's target rate and its numbers of children, racks and hops are "
        "at least 1, and its delay is not negative");
  }
  absl::flat_hash_set<absl::string_view> names;
  names.reserve(nodes.size());
  bool has_source = false;
  for (const PlanNode& node : nodes) {
    if (!names.insert(node.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("two nodes have the name '", node.name, "'"));
    }
    has_source |= node.has_all;
  }
  if (has_source) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "no node has the whole content, so that there is none to send it");
}

int LeastFanOut(const std::vector<PlanNode>& nodes, const PlanPolicy& policy) {
  int least = policy.max_children;
  for (const PlanNode& node : nodes) {
    least = std::min(least, FanOut(node, policy));
  }
  return least;
}

// The fallbacks of each node, from those above it.
class Fallbacks {
 public:
  Fallbacks(const FleetView& view, const BuiltTree& tree)
      : view_(view),
        tree_(tree),
        first_in_rack_(view.size()),
        source_of_(view.size()) {
    for (const int i : tree.order) {
      const int parent = tree.parents[i];
      const bool enters =
          parent == kNone || view.node(parent).rack != view.node(i).rack;
      first_in_rack_[i] = enters ? i : first_in_rack_[parent];
      source_of_[i] = parent == kNone ? i : source_of_[parent];
      if (parent == kNone && view.node(i).standing == Standing::kRegular) {
        sources_.push_back(i);
      }
    }
  }

  std::vector<std::string> Of(int node) const {
    const int parent = tree_.parents[node];
    std::vector<int> chosen;
    const auto choose = [&](int other) {
      const bool is_new =
          other != node && other != parent &&
          std::find(chosen.begin(), chosen.end(), other) == chosen.end();
      if (is_new && chosen.size() < kMostFallbacks) chosen.push_back(other);
    };
    const int above = tree_.parents[parent];
    if (above != kNone) choose(above);
    choose(first_in_rack_[node]);
    choose(source_of_[node]);
    // A list of sources may be as long as that of nodes.
    for (size_t i = 0; i < std::min(sources_.size(), kMostFallbacks + 1); ++i) {
      choose(sources_[i]);
    }
    for (int i = above; i != kNone && chosen.size() < kMostFallbacks;
         i = tree_.parents[i]) {
      choose(i);
    }
    std::vector<std::string> names;
    names.reserve(chosen.size());
    for (const int i : chosen) names.push_back(view_.node(i).given->name);
    return names;
  }

 private:
  const FleetView& view_;
  const BuiltTree& tree_;
  std::vector<int> first_in_rack_;
  std::vector<int> source_of_;
  std::vector<int> sources_;
};

uint64_t CapOf(const FleetView::Node& parent) {
  const uint64_t egress = parent.given->egress;
  return egress == 0 ? 0 : std::max<uint64_t>(1, egress / parent.slots);
}

std::vector<PlanEdge> EdgesOf(const FleetView& view, const BuiltTree& tree) {
  const Fallbacks fallbacks(view, tree);
  std::vector<PlanEdge> edges;
  edges.reserve(view.size());
  for (int i = 0; i < view.size(); ++i) {
    if (tree.parents[i] == kNone) continue;
    const FleetView::Node& parent = view.node(tree.parents[i]);
    edges.push_back({.node = view.node(i).given->name,
                     .parent = parent.given->name,
                     .fallbacks = fallbacks.Of(i),
                     .cap = CapOf(parent)});
  }
  std::sort(
      edges.begin(), edges.end(),
      [](const PlanEdge& a, const PlanEdge& b) { return a.node < b.node; });
  return edges;
}

struct Depth {
  int of_all = 0;
  int of_regular = 0;
};

// Plans with the plan's branching; returns the depth of the tree.
Depth PlanEdges(const std::vector<PlanNode>& nodes, const PlanPolicy& policy,
                const Tree& current, Tree& plan) {
  const FleetView view(nodes, policy, current, plan.branching);
  const BuiltTree tree = TreeBuilder(view, KeptParents(view)).Build();
  plan.edges = EdgesOf(view, tree);
  Depth depth;
  for (int i = 0; i < view.size(); ++i) {
    depth.of_all = std::max(depth.of_all, tree.depths[i]);
    if (view.node(i).standing != Standing::kRegular) continue;
    depth.of_regular = std::max(depth.of_regular, tree.depths[i]);
  }
  return depth;
}

}  // namespace

absl::StatusOr<Tree> PlanTree(const std::vector<PlanNode>& nodes,
                              const PlanPolicy& policy, const Tree& current) {
  if (absl::Status status = Check(nodes, policy); !status.ok()) return status;
  bool is_new = current.edges.empty();
  Tree plan;
  if (!is_new) {
    plan.branching = std::clamp(current.branching, 1, policy.max_children);
  }
  Depth depth = PlanEdges(nodes, policy, current, plan);
  if (is_new && depth.of_all > LongestGoodChain(policy)) {
    plan.branching = BestBranching(policy, static_cast<int>(nodes.size()),
                                   LeastFanOut(nodes, policy), depth.of_all);
    depth = PlanEdges(nodes, policy, current, plan);
  }
  // Who is too far from a source gets nothing: better is another tree. One that
  // comes late moves nobody for that: there is some room left.
  if (!is_new && depth.of_regular > policy.max_hops) {
    depth = PlanEdges(nodes, policy, Tree(), plan);
    is_new = true;
  }
  while (is_new && depth.of_all > policy.max_hops &&
         plan.branching < policy.max_children) {
    plan.branching = std::min(2 * plan.branching, policy.max_children);
    depth = PlanEdges(nodes, policy, Tree(), plan);
  }
  if (plan.edges.empty()) plan.branching = 1;
  return plan;
}

}  // namespace tcptool::fleet
