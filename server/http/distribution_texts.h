// What the status page says of a distribution and its deliveries, on whichever
// page.
#ifndef TCPTOOL_SERVER_HTTP_DISTRIBUTION_TEXTS_H_
#define TCPTOOL_SERVER_HTTP_DISTRIBUTION_TEXTS_H_

#include <string>

#include "server/fleet/service/distribution_overview.h"
#include "tcptool/v1/distribution.pb.h"

namespace tcptool::server {

// Whether it was found to take the content too slowly.
bool IsSlow(const v1::Delivery& delivery);

// Whether somebody should look at it: it has failed, is slow, or has moved.
bool IsNoted(const v1::Delivery& delivery);

// "once", "3 times": how often it has moved, as far as that is kept; plain
// text.
std::string TimesMoved(const v1::Delivery& delivery);

// "slow", "moved 3 times", "slow, moved once"; plain text, or nothing.
std::string AlarmsOf(const v1::Delivery& delivery);

// The others return HTML.

// How far it is, as a bar and in words; nothing if it is not known.
std::string ProgressBar(const v1::Delivery& delivery,
                        const v1::Distribution& distribution);

// "node1: images: base.img".
std::string SourceOf(const v1::DistributionSpec& spec);

// "disk: base.img".
std::string DestinationOf(const v1::DistributionSpec& spec);

// "all nodes", "rack r1, label site=a, node1, node2 and 998 more".
std::string TargetsOf(const v1::DistributionTargets& targets);

// The state, whether it is late or slow, and whether the node is there.
std::string BadgesOf(const fleet::TargetOverview& target);

// "rack r1"; empty for the empty rack.
std::string RackOf(const fleet::NodePlace& place);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_DISTRIBUTION_TEXTS_H_
