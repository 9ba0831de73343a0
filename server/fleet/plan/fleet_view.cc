#include "server/fleet/plan/fleet_view.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "server/fleet/plan/branching.h"

namespace tcptool::fleet {
namespace {

// How many nodes above one are looked at. More than die at once; and an end,
// should the current tree be a ring.
constexpr int kMostAbove = 64;

// A slow source serves only slow nodes, unless there is no other. That a source
// joined late does not matter.
Standing StandingOf(const PlanNode& node, bool has_better_source) {
  const bool serves =
      node.has_all && (node.standing != Standing::kSlow || !has_better_source);
  return serves ? Standing::kRegular : node.standing;
}

// Bytes a second that come through a node to each of its children.
uint64_t Throughput(const PlanNode& node, const PlanPolicy& policy) {
  const uint64_t in = node.rate == 0 ? policy.target_rate : node.rate;
  if (node.egress == 0) return in;
  return std::min(in, node.egress / FanOut(node, policy));
}

}  // namespace

FleetView::FleetView(const std::vector<PlanNode>& nodes,
                     const PlanPolicy& policy, const Tree& current,
                     int branching)
    : racks_fed_by_rack_(std::max(policy.racks_fed_by_rack, branching)),
      max_hops_(policy.max_hops) {
  NumberNodes(nodes, policy, branching);
  NumberRacks();
  ReadCurrent(current);
}

void FleetView::NumberNodes(const std::vector<PlanNode>& nodes,
                            const PlanPolicy& policy, int branching) {
  const bool has_better_source =
      std::any_of(nodes.begin(), nodes.end(), [](const PlanNode& node) {
        return node.has_all && node.standing != Standing::kSlow;
      });
  using Ranked = std::tuple<uint64_t, const PlanNode*>;
  std::vector<Ranked> ranked;
  ranked.reserve(nodes.size());
  for (const PlanNode& node : nodes) {
    ranked.emplace_back(Throughput(node, policy), &node);
  }
  std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    const auto& [throughput_of_a, node_a] = a;
    const auto& [throughput_of_b, node_b] = b;
    if (throughput_of_a != throughput_of_b) {
      return throughput_of_a > throughput_of_b;
    }
    return node_a->name < node_b->name;
  });
  nodes_.reserve(nodes.size());
  numbers_.reserve(nodes.size());
  for (const auto& [throughput, node] : ranked) {
    numbers_.emplace(node->name, size());
    nodes_.push_back(
        {.given = node,
         .rack = kNone,
         .throughput = throughput,
         .egress = node->egress == 0 ? policy.target_rate : node->egress,
         .slots = SlotsOf(*node, policy, branching),
         .standing = StandingOf(*node, has_better_source),
         .was_below = kNone});
  }
}

void FleetView::NumberRacks() {
  struct Named {
    absl::string_view name;
    Rack rack;
    bool has_slow = false;
    uint64_t slowest = 0;  // Throughput of its slowest regular node.
  };
  absl::flat_hash_map<absl::string_view, size_t> places;
  std::vector<Named> named;
  for (int i = 0; i < size(); ++i) {
    const auto [place, is_new] =
        places.emplace(nodes_[i].given->rack, named.size());
    if (is_new) named.push_back({.name = nodes_[i].given->rack});
    Named& rack = named[place->second];
    rack.rack.nodes.push_back(i);
    if (nodes_[i].standing == Standing::kSlow) rack.has_slow = true;
    if (nodes_[i].standing != Standing::kRegular) continue;
    rack.slowest = nodes_[i].throughput;  // They are in order.
    if (is_source(i)) rack.rack.has_source = true;
  }
  std::sort(named.begin(), named.end(), [](const Named& a, const Named& b) {
    return std::tuple(!a.rack.has_source, a.has_slow, b.slowest, a.name) <
           std::tuple(!b.rack.has_source, b.has_slow, a.slowest, b.name);
  });
  for (Named& rack : named) {
    for (const int i : rack.rack.nodes) {
      nodes_[i].rack = static_cast<int>(racks_.size());
    }
    racks_.push_back(std::move(rack.rack));
  }
}

void FleetView::ReadCurrent(const Tree& current) {
  parents_.reserve(current.edges.size());
  for (const PlanEdge& edge : current.edges) {
    parents_.emplace(edge.node, edge.parent);
  }
  for (Node& node : nodes_) {
    const auto parent = parents_.find(node.given->name);
    if (parent == parents_.end()) continue;
    const auto number = numbers_.find(parent->second);
    if (number != numbers_.end()) node.was_below = number->second;
  }
}

int FleetView::NearestAbove(int number) const {
  if (nodes_[number].given->is_displaced) return kNone;
  absl::string_view name = nodes_[number].given->name;
  for (int i = 0; i < kMostAbove; ++i) {
    const auto parent = parents_.find(name);
    if (parent == parents_.end()) return kNone;
    name = parent->second;
    const auto found = numbers_.find(name);
    if (found == numbers_.end()) continue;
    const Node& above = nodes_[found->second];
    if (above.standing <= nodes_[number].standing &&
        !above.given->is_displaced && !above.given->may_be_gone) {
      return found->second;
    }
  }
  return kNone;
}

}  // namespace tcptool::fleet
