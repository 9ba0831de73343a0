// The arguments of a plan, by numbers in place of names.
#ifndef TCPTOOL_SERVER_FLEET_PLAN_FLEET_VIEW_H_
#define TCPTOOL_SERVER_FLEET_PLAN_FLEET_VIEW_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/fleet/plan/plan.h"

namespace tcptool::fleet {

// In place of a node's number: there is none.
inline constexpr int kNone = -1;

// Nodes are numbered in the order in which they are best near the source: the
// fastest first, by name where they are equal. Racks too: those with a source,
// then those without slow nodes, then those whose slowest node is faster. Holds
// references to the arguments.
class FleetView {
 public:
  struct Node {
    const PlanNode* given;
    int rack;
    uint64_t throughput;  // Bytes a second that it can pass on to each child.
    // Bytes a second that it sends in all; where its link is the limit, as much
    // as one node is to get.
    uint64_t egress;
    int slots;  // How many children it may have.
    Standing standing;
    int was_below;  // Its parent in the current tree, or kNone.
  };
  struct Rack {
    std::vector<int> nodes;   // In order.
    bool has_source = false;  // A regular one.
  };

  // `branching`: a node has at least as many slots.
  FleetView(const std::vector<PlanNode>& nodes, const PlanPolicy& policy,
            const Tree& current, int branching);

  int size() const { return static_cast<int>(nodes_.size()); }
  const Node& node(int number) const { return nodes_[number]; }
  bool is_source(int number) const { return nodes_[number].given->has_all; }
  const std::vector<Rack>& racks() const { return racks_; }
  int racks_fed_by_rack() const { return racks_fed_by_rack_; }
  int max_hops() const { return max_hops_; }

  // The nearest node above, in the current tree, that is there for certain, in
  // its place, and of no lower standing; kNone if there is none, and for a node
  // that is displaced.
  int NearestAbove(int number) const;

 private:
  void NumberNodes(const std::vector<PlanNode>& nodes, const PlanPolicy& policy,
                   int branching);
  void NumberRacks();
  void ReadCurrent(const Tree& current);

  std::vector<Node> nodes_;
  std::vector<Rack> racks_;
  const int racks_fed_by_rack_;
  const int max_hops_;
  absl::flat_hash_map<absl::string_view, int> numbers_;
  // The current tree, of nodes that are gone too.
  absl::flat_hash_map<absl::string_view, absl::string_view> parents_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_PLAN_FLEET_VIEW_H_
