// One session and its recipients.
#ifndef TCPTOOL_SERVER_HTTP_SESSION_PAGE_H_
#define TCPTOOL_SERVER_HTTP_SESSION_PAGE_H_

#include "server/http/http_message.h"
#include "server/http/status_layout.h"
#include "server/watch/session_table.h"

namespace tcptool::server {

// The request's path is "/sessions/ID". Recipients beyond those that fit are on
// further pages.
StatusContent SessionPage(const SessionTable& table,
                          const HttpRequest& request);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_SESSION_PAGE_H_
