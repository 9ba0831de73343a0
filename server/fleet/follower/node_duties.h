// What a distribution wants of a node, by what etcd has of it: pure functions.
#ifndef TCPTOOL_SERVER_FLEET_FOLLOWER_NODE_DUTIES_H_
#define TCPTOOL_SERVER_FLEET_FOLLOWER_NODE_DUTIES_H_

#include <string>

#include "server/fleet/follower/delivery_port.h"
#include "server/fleet/state/fleet_state.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// Of a distribution that has this spec.
DeliveryId IdOf(const std::string& name,
                const Stored<v1::DistributionSpec>& spec);

// It is final.
bool IsOver(const Distribution& distribution);

// Of one that is over: who has the content goes on serving it to recipients
// that are no nodes.
bool HasEndedWell(const Distribution& distribution);

// `state`: of the node that the upload is sent to. It is a node like others
// once it has the whole; or if it lacks it when somebody else has it.
bool IsUploadExpected(const Distribution& distribution,
                      v1::DeliveryState state);

// Of one that has a spec. A node's children have equal shares of what it sends,
// so that the least of their edges is that of all. Who comes to it as a
// fallback has no more.
SendingLimits LimitsOf(const Distribution& distribution,
                       const std::string& node);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_FOLLOWER_NODE_DUTIES_H_
