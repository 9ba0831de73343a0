// One distribution: its tree, and its deliveries.
#ifndef TCPTOOL_SERVER_HTTP_DISTRIBUTION_PAGE_H_
#define TCPTOOL_SERVER_HTTP_DISTRIBUTION_PAGE_H_

#include "server/fleet/service/distribution_overview.h"
#include "server/http/http_message.h"
#include "server/http/status_layout.h"

namespace tcptool::server {

// Of however many targets: the picture and the first table have the nodes or,
// where these are too many, the racks; the query's "page" is the node with
// which the table of all begins.
StatusContent DistributionPage(const fleet::DistributionOverview& overview,
                               const HttpRequest& request);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_DISTRIBUTION_PAGE_H_
