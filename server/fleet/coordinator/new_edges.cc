#include "server/fleet/coordinator/new_edges.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/fleet/coordinator/displaced_nodes.h"
#include "server/fleet/coordinator/left_parents.h"
#include "server/fleet/plan/plan.h"

namespace tcptool::fleet {
namespace {

uint64_t LeastLimit(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return static_cast<uint64_t>(std::max(a, b));
  return static_cast<uint64_t>(std::min(a, b));
}

Standing ToStanding(v1::NodeStanding standing) {
  switch (standing) {
    case v1::NODE_STANDING_LATE:
      return Standing::kLate;
    case v1::NODE_STANDING_SLOW:
      return Standing::kSlow;
    default:
      return Standing::kRegular;
  }
}

v1::NodeStanding ToProto(Standing standing) {
  switch (standing) {
    case Standing::kLate:
      return v1::NODE_STANDING_LATE;
    case Standing::kSlow:
      return v1::NODE_STANDING_SLOW;
    case Standing::kRegular:
      break;
  }
  return v1::NODE_STANDING_REGULAR;
}

// One distribution, and the nodes that take part in it at the moment.
class Planner {
 public:
  Planner(const Distribution& distribution, const FleetNodes& nodes,
          const std::set<std::string>& targets, const v1::Content* content,
          const std::set<std::string>& slow, absl::Time now)
      : distribution_(distribution),
        nodes_(nodes),
        content_(content),
        slow_(slow),
        left_(distribution, nodes, members_),
        head_epoch_(distribution.head ? distribution.head->value.epoch() : 0) {
    AddSource();
    for (const std::string& target : targets) AddTarget(target);
    const std::set<std::string> doubtful = left_.Doubtful(targets, now);
    Displace();
    LeaveOut(doubtful);
  }

  NewPlan Plan() {
    NewPlan plan = {.epoch = head_epoch_, .branching = Branching()};
    if (!NeedsPlan()) return plan;
    auto tree = PlanTree(plan_nodes_, Policy(), TreeInForce());
    if (!tree.ok()) {
      plan.lacks_source = true;
      return plan;
    }
    const Caps caps = CapsOf(*tree);
    const int64_t epoch = NewestEpoch() + 1;
    bool is_new = false;
    std::set<std::string> wanted;
    for (PlanEdge& planned : tree->edges) {
      wanted.insert(planned.node);
      GoAroundThoseLeft(planned, caps);
      v1::Edge edge = ToEdge(planned);
      const auto record = distribution_.edges.find(planned.node);
      const bool is_there = record != distribution_.edges.end() &&
                            IsSame(record->second.value.edge(), edge);
      is_new |= !is_there || IsPending(record->second.value);
      if (is_there) continue;
      edge.set_epoch(epoch);
      EdgeWrite& write = plan.edges.emplace_back();
      write.node = planned.node;
      *write.record.emplace().mutable_edge() = edge;
      if (const v1::Edge* const old = InForce(planned.node); old != nullptr) {
        *write.record->mutable_previous() = *old;
      }
    }
    if (!is_new) return plan;
    TakeBackPending(wanted, plan.edges);
    plan.epoch = epoch;
    plan.branching = tree->branching;
    return plan;
  }

 private:
  struct Holder {
    std::string name;
    // Revisions.
    int64_t has_all_since;
    int64_t registered;
  };

  // By parent: what each of its children may have.
  using Caps = absl::flat_hash_map<std::string, uint64_t>;

  static Caps CapsOf(const Tree& tree) {
    Caps caps;
    for (const PlanEdge& edge : tree.edges) caps[edge.parent] = edge.cap;
    return caps;
  }

  const v1::Edge* InForce(const std::string& node) const {
    return EdgeInForce(distribution_, node);
  }
  bool IsPending(const v1::EdgeRecord& record) const {
    return record.edge().epoch() > head_epoch_;
  }
  int32_t Branching() const {
    return distribution_.head
               ? std::max(1, distribution_.head->value.branching())
               : 1;
  }

  void AddSource() {
    const v1::DistributionSpec& spec = distribution_.spec->value;
    if (!HasSourceContent(distribution_) ||
        ProgressOf(distribution_, spec.source_node(), content_) ==
            Progress::kFailed) {
      return;
    }
    Add(spec.source_node(),
        spec.source_bytes_per_second() != 0 ? spec.source_bytes_per_second()
                                            : spec.node_bytes_per_second(),
        true);
  }

  void AddTarget(const std::string& name) {
    const v1::DistributionSpec& spec = distribution_.spec->value;
    const Progress progress = ProgressOf(distribution_, name, content_);
    if (progress == Progress::kFailed) return;
    if (IsSource(distribution_, name, content_)) return;
    const bool has_all = progress == Progress::kDelivered;
    // It needs nothing, and gives nothing.
    if (has_all &&
        !distribution_.deliveries.at(name).value.not_given().empty()) {
      return;
    }
    Add(name, spec.node_bytes_per_second(), has_all);
  }

  void Add(const std::string& name, int64_t limit, bool has_all) {
    const auto node = nodes_.find(name);
    if (node == nodes_.end()) return;
    members_.insert(name);
    plan_nodes_.push_back(
        {.name = name,
         .rack = node->second.value.rack(),
         .egress =
             LeastLimit(node->second.value.egress_bytes_per_second(), limit),
         .standing = StandingOf(name),
         .has_all = has_all});
    if (has_all && plan_nodes_.back().standing != Standing::kSlow) {
      holders_.push_back({.name = name,
                          .has_all_since = HasAllSince(name),
                          .registered = node->second.create_revision});
    }
  }

  void Displace() {
    displaced_ = DisplacedNodes(distribution_, nodes_, plan_nodes_, left_,
                                Policy(), Branching());
    for (PlanNode& node : plan_nodes_) {
      if (!displaced_.contains(node.name)) continue;
      node.is_displaced = true;
      node.standing = StandingOf(node.name);
    }
  }

  // Those that may be dead. A regular one whose edge is good keeps it, and
  // sends to nobody meanwhile; to plan it would put it between others. Late and
  // slow ones are at a tail, of which others have to know that it has no room.
  void LeaveOut(const std::set<std::string>& doubtful) {
    const bool has_better_source = HasBetterSource();
    for (PlanNode& node : plan_nodes_) {
      node.may_be_gone = !node.has_all && node.standing != Standing::kRegular &&
                         doubtful.contains(node.name);
    }
    std::erase_if(plan_nodes_, [&](const PlanNode& node) {
      return !node.has_all && node.standing == Standing::kRegular &&
             doubtful.contains(node.name) &&
             HasFitEdge(node, has_better_source);
    });
  }

  // The revision; 0: of the source.
  int64_t HasAllSince(const std::string& name) const {
    if (name == distribution_.spec->value.source_node()) return 0;
    return distribution_.deliveries.at(name).mod_revision;
  }

  Standing StandingOf(const std::string& name) const {
    if (slow_.contains(name)) return Standing::kSlow;
    if (name == distribution_.spec->value.source_node()) {
      return Standing::kRegular;
    }
    const v1::Edge* const edge = InForce(name);
    if (edge == nullptr) {
      return head_epoch_ == 0 ? Standing::kRegular : Standing::kLate;
    }
    const Standing standing = ToStanding(edge->standing());
    if (!displaced_.contains(name)) return standing;
    return std::max(standing, Standing::kLate);
  }

  // The first fallback that the node has not left is its parent in place of one
  // that it has, which is its last fallback then: each is above the node, or
  // has all, so that it is a tree as before. Nothing is changed if it has left
  // them all.
  void GoAroundThoseLeft(PlanEdge& planned, const Caps& caps) const {
    const LeftParents::Times left = left_.By(planned.node);
    if (!left.contains(planned.parent)) return;
    const auto other = std::ranges::find_if(
        planned.fallbacks,
        [&left](const std::string& name) { return !left.contains(name); });
    if (other == planned.fallbacks.end()) return;
    const std::string parent = std::exchange(planned.parent, *other);
    planned.fallbacks.erase(other);
    planned.fallbacks.push_back(parent);
    // What it had was the share of another node's egress. One that has no other
    // child by the plan gives all of its own, which it keeps to by itself.
    const auto cap = caps.find(planned.parent);
    planned.cap = cap == caps.end() ? 0 : cap->second;
  }

  bool NeedsPlan() const {
    std::set<std::string> reached;
    for (const PlanNode& node : plan_nodes_) {
      if (node.has_all) reached.insert(node.name);
    }
    const bool has_better_source = HasBetterSource();
    return std::any_of(
        plan_nodes_.begin(), plan_nodes_.end(), [&](const PlanNode& node) {
          return !node.has_all && (!HasFitEdge(node, has_better_source) ||
                                   !IsReached(node.name, reached));
        });
  }

  // One that is slow and has all serves others as long as it is the only one.
  bool HasBetterSource() const {
    return std::ranges::any_of(plan_nodes_, [](const PlanNode& node) {
      return node.has_all && node.standing != Standing::kSlow;
    });
  }

  bool HasFitEdge(const PlanNode& node, bool has_better_source) const {
    const v1::Edge* const edge = InForce(node.name);
    return edge != nullptr && !node.is_displaced &&
           members_.contains(edge->parent()) &&
           !left_.IsToGoAround(node.name, *edge) &&
           !LacksSource(node.name, *edge) &&
           (node.standing == Standing::kSlow || !has_better_source ||
            StandingOf(edge->parent()) != Standing::kSlow) &&
           ToStanding(edge->standing()) == node.standing &&
           std::all_of(edge->fallbacks().begin(), edge->fallbacks().end(),
                       [this](const std::string& fallback) {
                         return members_.contains(fallback);
                       });
  }

  // Whether the edge has room for a member that has all, and would name it had
  // it been there when it was written: it may be the only one that can give the
  // content. One that only came to have all is no reason for a plan.
  bool LacksSource(const std::string& name, const v1::Edge& edge) const {
    if (static_cast<size_t>(edge.fallbacks_size()) >= kMostFallbacks) {
      return false;
    }
    const int64_t written = distribution_.edges.at(name).mod_revision;
    return std::ranges::any_of(holders_, [&](const Holder& holder) {
      return (holder.has_all_since < written || holder.registered > written) &&
             holder.name != edge.parent() &&
             std::find(edge.fallbacks().begin(), edge.fallbacks().end(),
                       holder.name) == edge.fallbacks().end();
    });
  }

  // Whether a walk up from the node comes to one of `reached`, to which all on
  // the way are added. It does not if it comes to a ring, which there can be
  // when a node has lost what it had.
  bool IsReached(const std::string& name,
                 std::set<std::string>& reached) const {
    std::set<std::string> walked;
    const std::string* at = &name;
    while (!reached.contains(*at)) {
      const v1::Edge* const edge = InForce(*at);
      if (edge == nullptr || !walked.insert(*at).second) return false;
      at = &edge->parent();
    }
    reached.merge(walked);
    return true;
  }

  PlanPolicy Policy() const {
    PlanPolicy policy;
    if (content_ != nullptr) {
      policy.size = static_cast<uint64_t>(content_->length());
    }
    return policy;
  }

  Tree TreeInForce() const {
    Tree tree = {.branching = Branching()};
    for (const auto& [name, record] : distribution_.edges) {
      const v1::Edge* const edge = InForce(name);
      if (edge == nullptr) continue;
      tree.edges.push_back({.node = name, .parent = edge->parent()});
    }
    return tree;
  }

  int64_t NewestEpoch() const {
    int64_t newest = head_epoch_;
    for (const auto& [name, record] : distribution_.edges) {
      newest = std::max(newest, record.value.edge().epoch());
    }
    return newest;
  }

  v1::Edge ToEdge(const PlanEdge& planned) const {
    v1::Edge edge;
    edge.set_parent(planned.parent);
    *edge.mutable_fallbacks() = {planned.fallbacks.begin(),
                                 planned.fallbacks.end()};
    edge.set_cap_bytes_per_second(static_cast<int64_t>(planned.cap));
    edge.set_standing(ToProto(StandingOf(planned.node)));
    edge.set_incarnation(nodes_.at(planned.node).create_revision);
    return edge;
  }

  // Whichever incarnations they were planned for.
  static bool IsSame(const v1::Edge& a, const v1::Edge& b) {
    return a.parent() == b.parent() &&
           std::equal(a.fallbacks().begin(), a.fallbacks().end(),
                      b.fallbacks().begin(), b.fallbacks().end()) &&
           a.cap_bytes_per_second() == b.cap_bytes_per_second() &&
           a.standing() == b.standing();
  }

  void TakeBackPending(const std::set<std::string>& wanted,
                       std::vector<EdgeWrite>& edges) const {
    for (const auto& [name, record] : distribution_.edges) {
      if (wanted.contains(name) || !IsPending(record.value)) continue;
      EdgeWrite& write = edges.emplace_back();
      write.node = name;
      if (const v1::Edge* const old = InForce(name); old != nullptr) {
        *write.record.emplace().mutable_edge() = *old;
      }
    }
  }

  const Distribution& distribution_;
  const FleetNodes& nodes_;
  const v1::Content* const content_;
  const std::set<std::string>& slow_;
  std::set<std::string> members_;  // Names of plan_nodes_, at first.
  const LeftParents left_;
  const int64_t head_epoch_;
  std::vector<PlanNode> plan_nodes_;
  std::vector<Holder> holders_;  // Those of them that have all, but slow ones.
  std::set<std::string> displaced_;  // Of DisplacedNodes().
};

}  // namespace

NewPlan PlanNewEdges(const Distribution& distribution, const FleetNodes& nodes,
                     const std::set<std::string>& targets,
                     const v1::Content* content,
                     const std::set<std::string>& slow, absl::Time now) {
  return Planner(distribution, nodes, targets, content, slow, now).Plan();
}

}  // namespace tcptool::fleet
