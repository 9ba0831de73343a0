// A distribution with all of its targets, as they are at one moment.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_OVERVIEW_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_OVERVIEW_H_

#include <string>
#include <vector>

#include "server/fleet/coordinator/targets.h"
#include "server/fleet/service/api.h"
#include "server/fleet/state/fleet_state.h"
#include "server/fleet/state/node_progress.h"
#include "tcptool/v1/distribution.pb.h"

namespace tcptool::fleet {

// Where a node of a distribution is.
struct NodePlace {
  bool is_there = false;  // It is registered.
  std::string rack;       // Not known, and empty, if it is not there.
};

struct TargetOverview {
  api::Delivery delivery;
  NodePlace place;
};

struct DistributionOverview {
  api::Distribution distribution;
  NodePlace source;                     // Of the node that has the file.
  std::vector<TargetOverview> targets;  // By the names of the nodes.
};

// Of a distribution that has a spec.
DistributionOverview OverviewOf(const std::string& id,
                                const Distribution& distribution,
                                const FleetNodes& nodes,
                                const ProgressByNode& progress);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_OVERVIEW_H_
