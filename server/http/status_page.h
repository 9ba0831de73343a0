// The status page: sessions, recipients and receptions, how far they are, and
// why they are no further.
#ifndef TCPTOOL_SERVER_HTTP_STATUS_PAGE_H_
#define TCPTOOL_SERVER_HTTP_STATUS_PAGE_H_

#include "absl/strings/string_view.h"
#include "server/http/http_message.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"

namespace tcptool::server {

// "/", "/sessions/ID", "/receptions", "/receptions/ID", and the files that they
// use.
bool IsStatusPage(absl::string_view path);

// For paths that IsStatusPage() takes. Complete without JavaScript: a script
// only spares the reload. The query's "page" is a page token of the API's
// lists.
HttpResponse StatusPage(const SessionTable& sessions,
                        const ReceptionTable& receptions,
                        const HttpRequest& request);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_STATUS_PAGE_H_
