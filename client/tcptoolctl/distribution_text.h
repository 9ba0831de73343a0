// Distributions, their deliveries and the nodes of a fleet as text for people.
// As in render.h, pure functions.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_TEXT_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tcptool/v1/distribution.pb.h"

namespace tcptool {

// "RUNNING (61%, 36.0 MiB/s, 5s left), 2 of 5 delivered, 3 receiving: waits for
// node1": the state, the progress if there is any, what targets there are, and
// the detail if there is one.
std::string DistributionProgress(const v1::Distribution& distribution,
                                 const std::string& progress = "");

// Why it has failed or, if there is no such thing, its last move; or nothing.
// Not yet printable.
std::string DeliveryDetail(const v1::Delivery& delivery);

// One distribution a line; ages are counted to `now`.
std::string DistributionTable(const std::vector<v1::Distribution>& all,
                              absl::Time now);

// A distribution in labelled lines.
std::string DistributionDetails(const v1::Distribution& distribution);

// One target of a distribution a line. Lines that take more than `columns` are
// without the end of the detail.
std::string DeliveryTable(const std::vector<v1::Delivery>& deliveries,
                          size_t columns);

// One node a line. Those that take more than `columns` are without the end of
// the labels.
std::string FleetNodeTable(const std::vector<v1::FleetNode>& nodes,
                           size_t columns);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_TEXT_H_
