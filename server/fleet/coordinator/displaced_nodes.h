// Which nodes of a distribution have lost their places in its tree.
#ifndef TCPTOOL_SERVER_FLEET_COORDINATOR_DISPLACED_NODES_H_
#define TCPTOOL_SERVER_FLEET_COORDINATOR_DISPLACED_NODES_H_

#include <set>
#include <string>
#include <vector>

#include "server/fleet/coordinator/left_parents.h"
#include "server/fleet/coordinator/targets.h"
#include "server/fleet/plan/plan.h"
#include "server/fleet/state/fleet_state.h"

namespace tcptool::fleet {

// A node that is gone for a while is gone around: its children go to its
// parent, which has no room for it any more when it comes back. If it went on
// beside them, all of them would get a part of what the parent sends, to the
// end. So it has lost its place, and is to come in as a late one does. That is
// a node that has not the whole,
// - that was gone, as it was registered anew since its edge was planned, or
//   lets its children wait for its turn and has nothing yet;
// - to whose children, if it has any, others give the content;
// - whose parent has no room for it beside those and its other children, or is
//   not there; or whose rack, another one than the parent's, has another way
//   in.
//
// One that others still receive from, as it was only its lease that was lost,
// keeps its place, so that nobody moves when all of them lose theirs.
//
// `members`: those that take part at the moment, as they are to be planned.
// `policy` and `branching` are those of
// the plan in force.
std::set<std::string> DisplacedNodes(const Distribution& distribution,
                                     const FleetNodes& nodes,
                                     const std::vector<PlanNode>& members,
                                     const LeftParents& left,
                                     const PlanPolicy& policy, int branching);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COORDINATOR_DISPLACED_NODES_H_
