// The list of all distributions of the fleet.
#ifndef TCPTOOL_SERVER_HTTP_DISTRIBUTIONS_PAGE_H_
#define TCPTOOL_SERVER_HTTP_DISTRIBUTIONS_PAGE_H_

#include "server/fleet/service/distribution_table.h"
#include "server/http/http_message.h"
#include "server/http/status_layout.h"

namespace tcptool::server {

// The newest first, and a link to the next ones where there are more than fit.
StatusContent DistributionsPage(const fleet::DistributionTable& table,
                                const HttpRequest& request);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_DISTRIBUTIONS_PAGE_H_
