// Which edges of the current tree a new one begins with.
#ifndef TCPTOOL_SERVER_FLEET_PLAN_KEPT_EDGES_H_
#define TCPTOOL_SERVER_FLEET_PLAN_KEPT_EDGES_H_

#include <vector>

#include "server/fleet/plan/fleet_view.h"

namespace tcptool::fleet {

// The parent that each node keeps, or kNone. What is kept has no rings, no edge
// from or to a node that is displaced, no parent of a standing below its
// child's, no more children of a parent's own standing than it has slots, into
// a rack one edge from outside for each standing and for regular nodes none if
// they have a source there, and out of a rack as many between regular nodes as
// the policy allows. Whether a parent has room for children of lower standings
// is not looked at.
//
// Of edges that exclude each other, the one is kept below which more nodes
// hang.
std::vector<int> KeptParents(const FleetView& view);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_PLAN_KEPT_EDGES_H_
