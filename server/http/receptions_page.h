// The list of all receptions.
#ifndef TCPTOOL_SERVER_HTTP_RECEPTIONS_PAGE_H_
#define TCPTOOL_SERVER_HTTP_RECEPTIONS_PAGE_H_

#include "server/http/http_message.h"
#include "server/http/status_layout.h"
#include "server/watch/reception_table.h"

namespace tcptool::server {

// The newest first, and a link to the next ones where there are more than fit.
StatusContent ReceptionsPage(const ReceptionTable& table,
                             const HttpRequest& request);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_RECEPTIONS_PAGE_H_
