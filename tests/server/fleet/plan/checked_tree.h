// Plans, and looks at what every plan has to be.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_PLAN_CHECKED_TREE_H_
#define TCPTOOL_TESTS_SERVER_FLEET_PLAN_CHECKED_TREE_H_

#include <map>
#include <string>
#include <vector>

#include "server/fleet/plan/plan.h"

namespace tcptool::fleet {

// By node: its edge.
using Edges = std::map<std::string, PlanEdge>;
Edges EdgesByNode(const Tree& tree);

// Adds a failure for each promise of plan.h that a plan for these arguments
// does not keep: a tree, everybody in it, no node below one of a lower
// standing, no regular one too far from a source, children and caps within the
// egress, edges into racks, fallbacks.
void ExpectKeepsPromises(const std::vector<PlanNode>& nodes,
                         const PlanPolicy& policy, const Tree& tree);

// PlanTree(), with these checks, and with those that the order of nodes does
// not matter and that a plan of what is planned already changes nothing.
Tree CheckedPlan(const std::vector<PlanNode>& nodes, const PlanPolicy& policy,
                 const Tree& current = {});

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_PLAN_CHECKED_TREE_H_
