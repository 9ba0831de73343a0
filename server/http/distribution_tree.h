// A distribution's tree as a picture.
#ifndef TCPTOOL_SERVER_HTTP_DISTRIBUTION_TREE_H_
#define TCPTOOL_SERVER_HTTP_DISTRIBUTION_TREE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "server/fleet/service/distribution_overview.h"
#include "server/http/rack_sums.h"

namespace tcptool::server {

// How many targets, or racks, a picture has.
inline constexpr size_t kMostDrawn = 100;

// HTML: each node hangs on the one that sends to it by the plan, and those that
// have failed, are slow or have moved stand out.
std::string NodeTree(const fleet::DistributionOverview& overview);

// The same of racks, where there are too many nodes.
std::string RackTree(const fleet::DistributionOverview& overview,
                     const std::vector<RackSum>& racks);

// "the source; 3 of 5 delivered, 2 receiving, 37%, 12.0 MiB/s, 5s left"; plain
// text.
std::string RackFacts(const RackSum& rack);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_DISTRIBUTION_TREE_H_
