#include "server/http/status_page.h"

#include <string>

#include "absl/strings/match.h"
#include "server/http/reception_page.h"
#include "server/http/receptions_page.h"
#include "server/http/session_page.h"
#include "server/http/sessions_page.h"
#include "server/http/status_page_files.h"

namespace tcptool::server {

bool IsStatusPage(absl::string_view path) {
  return path == "/" || path == "/status.css" || path == "/status.js" ||
         path == "/receptions" || absl::StartsWith(path, "/sessions/") ||
         absl::StartsWith(path, "/receptions/");
}

HttpResponse StatusPage(const SessionTable& sessions,
                        const ReceptionTable& receptions,
                        const HttpRequest& request) {
  if (request.path == "/status.css") {
    return {.content_type = "text/css; charset=utf-8",
            .body = std::string(kStatusCss)};
  }
  if (request.path == "/status.js") {
    return {.content_type = "text/javascript; charset=utf-8",
            .body = std::string(kStatusJs)};
  }
  if (request.path == "/") return SessionsPage(sessions, request);
  if (request.path == "/receptions") return ReceptionsPage(receptions, request);
  if (absl::StartsWith(request.path, "/receptions/")) {
    return ReceptionPage(receptions, request);
  }
  return SessionPage(sessions, request);
}

}  // namespace tcptool::server
