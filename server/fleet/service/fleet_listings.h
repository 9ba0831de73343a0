// Deliveries and nodes, as clients read them, of what etcd has of the fleet.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_FLEET_LISTINGS_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_FLEET_LISTINGS_H_

#include "absl/status/statusor.h"
#include "server/fleet/service/api.h"
#include "server/fleet/state/fleet_state.h"
#include "server/fleet/state/node_progress.h"
#include "tcptool/v1/distribution_service.pb.h"

namespace tcptool::fleet {

// distribution_service.proto describes the methods. Requests are those that
// CheckRequest() accepts. `progress`: how far the nodes of the distribution
// are, as far as that is known.
absl::StatusOr<api::Delivery> GetDelivery(
    const FleetState& state, const api::GetDeliveryRequest& request,
    const ProgressByNode& progress);
absl::StatusOr<api::ListDeliveriesResponse> ListDeliveries(
    const FleetState& state, const api::ListDeliveriesRequest& request,
    const ProgressByNode& progress);
absl::StatusOr<api::FleetNode> GetNode(const FleetState& state,
                                       const api::GetFleetNodeRequest& request);
absl::StatusOr<api::ListNodesResponse> ListNodes(
    const FleetState& state, const api::ListNodesRequest& request);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_FLEET_LISTINGS_H_
