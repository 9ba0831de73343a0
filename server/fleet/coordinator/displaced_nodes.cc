#include "server/fleet/coordinator/displaced_nodes.h"

#include <algorithm>
#include <cstddef>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/fleet/plan/branching.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {
namespace {

class Places {
 public:
  Places(const Distribution& distribution, const FleetNodes& nodes,
         const std::vector<PlanNode>& members, const LeftParents& left,
         const PlanPolicy& policy, int branching)
      : distribution_(distribution),
        nodes_(nodes),
        left_(left),
        policy_(policy),
        branching_(branching) {
    members_.reserve(members.size());
    for (const PlanNode& member : members) {
      members_.emplace(member.name, &member);
      if (member.has_all) continue;
      const v1::Edge* const edge = EdgeInForce(distribution, member.name);
      if (edge != nullptr) children_[edge->parent()].push_back(&member);
    }
  }

  bool IsLost(const PlanNode& node) const {
    const v1::Edge* const edge = EdgeInForce(distribution_, node.name);
    if (edge == nullptr || node.has_all) return false;
    const bool was_gone = IsRegisteredAnew(node.name, *edge);
    const Members& children = ChildrenOf(node.name);
    if (!was_gone && (children.empty() || !IsWaiting(node.name))) return false;
    const bool has_child =
        std::ranges::any_of(children, [&](const PlanNode* child) {
          // One that waits has nothing that they could have from it.
          return was_gone ? !left_.IsAwayFrom(child->name, node.name)
                          : !left_.IsElsewhere(child->name, node.name);
        });
    if (has_child) return false;
    const auto parent = members_.find(edge->parent());
    if (parent == members_.end()) return was_gone;
    return IsFull(*parent->second, children.size()) ||
           HasAnotherWayIn(node, *parent->second);
  }

 private:
  using Members = std::vector<const PlanNode*>;

  const Members& ChildrenOf(const std::string& name) const {
    static const Members kNone;
    const auto found = children_.find(name);
    return found == children_.end() ? kNone : found->second;
  }

  bool IsRegisteredAnew(const std::string& name, const v1::Edge& edge) const {
    return edge.incarnation() != 0 &&
           edge.incarnation() != nodes_.at(name).create_revision;
  }

  bool IsWaiting(const std::string& name) const {
    const auto delivery = distribution_.deliveries.find(name);
    return delivery != distribution_.deliveries.end() &&
           delivery->second.value.state() == v1::DELIVERY_STATE_WAITING;
  }

  // Its children, and so many more, are more than it has slots for.
  bool IsFull(const PlanNode& parent, size_t more) const {
    const size_t room =
        static_cast<size_t>(SlotsOf(parent, policy_, branching_));
    return ChildrenOf(parent.name).size() + more > room;
  }

  // Over an edge of another node of its standing, or of a child of its own that
  // goes to its parent.
  bool HasAnotherWayIn(const PlanNode& node, const PlanNode& parent) const {
    if (node.rack == parent.rack) return false;
    return std::ranges::any_of(members_, [&](const auto& member) {
      const PlanNode& other = *member.second;
      if (other.rack != node.rack || other.standing != node.standing ||
          other.has_all || &other == &node) {
        return false;
      }
      const v1::Edge* const edge = EdgeInForce(distribution_, other.name);
      if (edge == nullptr) return false;
      if (edge->parent() == node.name) return true;
      const auto above = members_.find(edge->parent());
      return above != members_.end() && above->second->rack != node.rack;
    });
  }

  const Distribution& distribution_;
  const FleetNodes& nodes_;
  const LeftParents& left_;
  const PlanPolicy& policy_;
  const int branching_;
  absl::flat_hash_map<absl::string_view, const PlanNode*> members_;
  absl::flat_hash_map<absl::string_view, Members> children_;
};

}  // namespace

std::set<std::string> DisplacedNodes(const Distribution& distribution,
                                     const FleetNodes& nodes,
                                     const std::vector<PlanNode>& members,
                                     const LeftParents& left,
                                     const PlanPolicy& policy, int branching) {
  const Places places(distribution, nodes, members, left, policy, branching);
  std::set<std::string> displaced;
  for (const PlanNode& member : members) {
    if (places.IsLost(member)) displaced.insert(member.name);
  }
  return displaced;
}

}  // namespace tcptool::fleet
