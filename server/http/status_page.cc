#include "server/http/status_page.h"

#include <string>

#include "absl/strings/match.h"
#include "server/http/session_page.h"
#include "server/http/sessions_page.h"
#include "server/http/status_page_files.h"

namespace tcptool::server {

bool IsStatusPage(absl::string_view path) {
  return path == "/" || path == "/status.css" || path == "/status.js" ||
         absl::StartsWith(path, "/sessions/");
}

HttpResponse StatusPage(const SessionTable& table, const HttpRequest& request) {
  if (request.path == "/status.css") {
    return {.content_type = "text/css; charset=utf-8",
            .body = std::string(kStatusCss)};
  }
  if (request.path == "/status.js") {
    return {.content_type = "text/javascript; charset=utf-8",
            .body = std::string(kStatusJs)};
  }
  if (request.path == "/") return SessionsPage(table, request);
  return SessionPage(table, request);
}

}  // namespace tcptool::server
