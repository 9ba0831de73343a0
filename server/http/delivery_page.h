// One delivery and its history.
#ifndef TCPTOOL_SERVER_HTTP_DELIVERY_PAGE_H_
#define TCPTOOL_SERVER_HTTP_DELIVERY_PAGE_H_

#include "absl/strings/string_view.h"
#include "server/fleet/service/distribution_overview.h"
#include "server/http/status_layout.h"

namespace tcptool::server {

// Of "distributions/{distribution}/deliveries/{node}": where the node gets the
// content from, and whom it has left for whom, and why. 404: the distribution
// has no such target.
StatusContent DeliveryPage(const fleet::DistributionOverview& overview,
                           absl::string_view name);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_DELIVERY_PAGE_H_
