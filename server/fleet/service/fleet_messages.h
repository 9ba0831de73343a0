// What etcd has of a fleet, as the API's messages.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_FLEET_MESSAGES_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_FLEET_MESSAGES_H_

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/fleet/coordinator/targets.h"
#include "server/fleet/service/api.h"
#include "server/fleet/state/fleet_state.h"
#include "server/fleet/state/node_progress.h"
#include "tcptool/v1/distribution.pb.h"

namespace tcptool::fleet {

// "distributions/D", of D.
std::string DistributionName(absl::string_view distribution);
// "distributions/D/deliveries/NODE".
std::string DeliveryName(absl::string_view distribution,
                         absl::string_view node);
// The way back, of a name of the first form.
std::string DistributionId(absl::string_view name);

// PLANNING where the coordinator has not written a state. One of a newer
// version has its number.
api::DistributionState StateOf(const Distribution& distribution);

// Of a distribution that has a spec: another one for each state.
std::string EtagOf(const Distribution& distribution);

// Whom its deliveries are listed of: its targets; of a final one without those
// that were there and had no part in it, as some may have come later.
std::set<std::string> ListedTargets(const Distribution& distribution,
                                    const FleetNodes& nodes);

// Of a distribution that has a spec.
api::Distribution ToMessage(const std::string& id,
                            const Distribution& distribution,
                            const FleetNodes& nodes);
// Of one of its targets. `content`: ContentOf(distribution), which looks at all
// deliveries: whoever asks for many finds it once.
api::Delivery ToDelivery(const std::string& id,
                         const Distribution& distribution,
                         const std::string& node, const v1::Content* content);
// What the record of a node has of moves, if there is one.
std::vector<api::ParentMove> MovesOf(const Distribution& distribution,
                                     const std::string& node);
// How far it is, if it goes on and that is known of its node.
void SetProgress(const ProgressByNode& known, api::Delivery& delivery);
// Of a node that is registered.
api::FleetNode ToNode(const std::string& name, const FleetState& state);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_FLEET_MESSAGES_H_
