// What nodes tell each other of rates and progress, as messages of their peer
// service. Pure functions.
#ifndef TCPTOOL_SERVER_FLEET_MEMBER_PEER_MESSAGES_H_
#define TCPTOOL_SERVER_FLEET_MEMBER_PEER_MESSAGES_H_

#include <string>
#include <vector>

#include "server/fleet/state/edge_rate.h"
#include "server/fleet/state/node_progress.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::fleet {

peer::v1::ReportRatesRequest ToRequest(
    const std::string& node, const EdgeRates& rates,
    const std::vector<NodeProgress>& progress);
peer::v1::GetProgressResponse ToResponse(const std::vector<NodeProgress>& all);

// Another node may tell any number: each is brought to what can be, so that
// those of all nodes of a distribution can be added. (What cannot be of times,
// SlowEdges ignores.)
EdgeRates ToRates(const peer::v1::ReportRatesRequest& request);
std::vector<NodeProgress> ToProgress(
    const peer::v1::ReportRatesRequest& request);
std::vector<NodeProgress> ToProgress(
    const peer::v1::GetProgressRequest& request,
    const peer::v1::GetProgressResponse& response);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_MEMBER_PEER_MESSAGES_H_
