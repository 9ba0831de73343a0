// How fast a node may send a distribution to others.
#ifndef TCPTOOL_SERVER_FLEET_FOLLOWER_LIMITS_OF_H_
#define TCPTOOL_SERVER_FLEET_FOLLOWER_LIMITS_OF_H_

#include <string>

#include "server/fleet/follower/delivery_port.h"
#include "server/fleet/state/fleet_state.h"

namespace tcptool::fleet {

// By the limits of `distribution`, whose spec is there, and the edges in force
// that lead from `node`. Its children have equal shares of what it sends, so
// that the least of their edges is that of all. Who comes to it as a fallback
// has no more.
SendingLimits LimitsOf(const Distribution& distribution,
                       const std::string& node);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_FOLLOWER_LIMITS_OF_H_
