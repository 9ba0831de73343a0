// The nodes of the fleet that are there.
#ifndef TCPTOOL_SERVER_HTTP_NODES_PAGE_H_
#define TCPTOOL_SERVER_HTTP_NODES_PAGE_H_

#include <string>

#include "server/http/http_message.h"
#include "server/http/status_layout.h"
#include "tcptool/v1/distribution_service.pb.h"

namespace tcptool::server {

inline constexpr int kNodesOnPage = 100;

// By their names. `nodes`: what the service has answered for a page of
// kNodesOnPage.
StatusContent NodesPage(const std::string& fleet_name,
                        const v1::ListNodesResponse& nodes,
                        const HttpRequest& request);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_NODES_PAGE_H_
