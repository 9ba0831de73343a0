// One reception.
#ifndef TCPTOOL_SERVER_HTTP_RECEPTION_PAGE_H_
#define TCPTOOL_SERVER_HTTP_RECEPTION_PAGE_H_

#include "server/http/http_message.h"
#include "server/http/status_layout.h"
#include "server/watch/reception_table.h"

namespace tcptool::server {

// The request's path is "/receptions/ID".
StatusContent ReceptionPage(const ReceptionTable& table,
                            const HttpRequest& request);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_RECEPTION_PAGE_H_
