// What both ends say of distributions: how many of their targets are how far,
// and who has moved.
#ifndef TCPTOOL_MESSAGES_DISTRIBUTION_TEXTS_H_
#define TCPTOOL_MESSAGES_DISTRIBUTION_TEXTS_H_

#include <cstdint>
#include <string>

#include "tcptool/v1/distribution.pb.h"

namespace tcptool {

// Adds a target of this state. One of a later version is not counted.
void Count(v1::DeliveryState state, v1::DeliveryCounts& counts);

// How many targets there are.
int64_t TargetCount(const v1::DeliveryCounts& counts);

// "2 of 5 delivered, 3 receiving".
std::string CountsText(const v1::DeliveryCounts& counts);

// The name of the node whose file it is, or to which the content is uploaded.
const std::string& SourceNode(const v1::DistributionSpec& spec);

// "192.0.2.1:9876, 1 connected, 3 delivered, 2 failed", or why nobody can
// connect. Not yet printable.
std::string ServingText(const v1::DistributionServing& serving);

// "from node1 to node3 at 12.0 MiB: nothing came". Not yet printable.
std::string MoveText(const v1::ParentMove& move);

}  // namespace tcptool

#endif  // TCPTOOL_MESSAGES_DISTRIBUTION_TEXTS_H_
