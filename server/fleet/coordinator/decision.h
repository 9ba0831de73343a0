// What a coordinator decides: a pure function of what etcd has of the fleet.
#ifndef TCPTOOL_SERVER_FLEET_COORDINATOR_DECISION_H_
#define TCPTOOL_SERVER_FLEET_COORDINATOR_DECISION_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/fleet/coordinator/new_edges.h"
#include "server/fleet/state/fleet_state.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// By distribution: targets that were found to be slow in it.
using SlowNodes = std::map<std::string, std::set<std::string>>;

// What is to be written of one distribution, edges before the head.
struct DistributionChange {
  std::string distribution;
  // What the decision was made on: 0, of a head: there was none.
  int64_t spec_create_revision = 0;
  int64_t head_mod_revision = 0;
  std::vector<EdgeWrite> edges;
  v1::Head head;
};

// The changes of all distributions that are not final, have a spec, and have a
// head that is understood or none. A distribution
// - SUCCEEDED when all targets have it, PARTIALLY_SUCCEEDED or FAILED when all
//   have it or failed, or when its source has failed and nobody has it;
// - is CANCELLED when that is asked for;
// - at its expire_time is PARTIALLY_SUCCEEDED if some have it, else EXPIRED;
// - is RUNNING while it has a plan, PLANNING before.
//
// Depends on nothing but its arguments. What is written of it and read back
// leads to no further changes. `now` is by the clock of the day, as expire_time
// is, which outlasts coordinators.
std::vector<DistributionChange> Decide(const FleetState& state,
                                       const SlowNodes& slow, absl::Time now);

// When the next of them expires; InfiniteFuture: none does.
absl::Time NextExpiry(const FleetState& state);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COORDINATOR_DECISION_H_
