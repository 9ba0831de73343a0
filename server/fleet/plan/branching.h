// To how many others a node sends.
#ifndef TCPTOOL_SERVER_FLEET_PLAN_BRANCHING_H_
#define TCPTOOL_SERVER_FLEET_PLAN_BRANCHING_H_

#include "server/fleet/plan/plan.h"

namespace tcptool::fleet {

// For how many children a node's egress has room, each at the target rate; 1
// where the link is the limit, or the egress has not even room for one.
int FanOut(const PlanNode& node, const PlanPolicy& policy);

// How many children a node may have in a tree of that branching.
int SlotsOf(const PlanNode& node, const PlanPolicy& policy, int branching);

// The longest chain through which the last node has the content at most 5%
// later than the first, by the time that its first bytes take. Infinite if the
// size is not known.
double LongestGoodChain(const PlanPolicy& policy);

// The number of children that gets the content to the last of `nodes` nodes
// soonest, if each has room for `fan_out` at the target rate. `depth` is that
// of the tree with this number of children; more are chosen only if that saves
// a fifth of the time.
int BestBranching(const PlanPolicy& policy, int nodes, int fan_out, int depth);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_PLAN_BRANCHING_H_
