// The edges of a distribution that have to change.
#ifndef TCPTOOL_SERVER_FLEET_COORDINATOR_NEW_EDGES_H_
#define TCPTOOL_SERVER_FLEET_COORDINATOR_NEW_EDGES_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/fleet/coordinator/targets.h"
#include "server/fleet/state/fleet_state.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

struct EdgeWrite {
  std::string node;
  std::optional<v1::EdgeRecord> record;  // None: it is deleted.
};

struct NewPlan {
  // The head's, once all of `edges` are written: above any that was written
  // before, or that of the head if the plan that is in force stays.
  int64_t epoch = 0;
  int32_t branching = 1;
  std::vector<EdgeWrite> edges;
  // There are targets that need the content, and nobody who can send it.
  bool lacks_source = false;
};

// Plans anew if a node that needs the content has no edge in force, or one that
// names a node that is not there or has failed, or from one that it has left
// while it has another fallback, or from a slow one while another has all, or
// one that has room for a fallback and does not name a node that has come, or
// come back, with the whole; else the plan in force stays. So nobody is moved
// when a node only comes to have all. A node that was left within 20 s is
// nobody's parent in a new plan while anybody else has room: it may be dead.
// One that has lost its place (DisplacedNodes) leads to a new plan, in which it
// is a late one.
//
// An edge that was written, but is not in force, is one of a coordinator that
// has died since. It would be in force with the new epoch, and so is written
// again, unless it is what is wanted.
//
// `slow`: targets that were found to be. That is kept in their edges, for
// coordinators to come. `now`: by the clock of the day.
NewPlan PlanNewEdges(const Distribution& distribution, const FleetNodes& nodes,
                     const std::set<std::string>& targets,
                     const v1::Content* content,
                     const std::set<std::string>& slow, absl::Time now);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COORDINATOR_NEW_EDGES_H_
