#include "server/http/status_page.h"

#include <utility>

#include "absl/strings/match.h"
#include "server/http/reception_page.h"
#include "server/http/receptions_page.h"
#include "server/http/session_page.h"
#include "server/http/sessions_page.h"
#include "server/http/status_page_files.h"

namespace tcptool::server {

StatusPages::StatusPages(const SessionTable& sessions,
                         const ReceptionTable& receptions,
                         fleet::Distributions* distributions,
                         const std::string& fleet_name)
    : sessions_(sessions), receptions_(receptions) {
  if (distributions != nullptr) {
    fleet_pages_.emplace(*distributions, fleet_name);
  }
}

bool StatusPages::Has(absl::string_view path) const {
  return path == "/" || path == "/status.css" || path == "/status.js" ||
         path == "/receptions" || absl::StartsWith(path, "/sessions/") ||
         absl::StartsWith(path, "/receptions/") ||
         (fleet_pages_ && FleetPages::Has(path));
}

void StatusPages::Get(const HttpRequest& request,
                      const HttpRespond& respond) const {
  if (fleet_pages_ && FleetPages::Has(request.path)) {
    return fleet_pages_->Get(request, respond);
  }
  respond([response = Answer(request)] { return response; });
}

HttpResponse StatusPages::Answer(const HttpRequest& request) const {
  if (request.path == "/status.css") {
    return {.content_type = "text/css; charset=utf-8",
            .body = std::string(kStatusCss)};
  }
  if (request.path == "/status.js") {
    return {.content_type = "text/javascript; charset=utf-8",
            .body = std::string(kStatusJs)};
  }
  return StatusDocument(Content(request), fleet_pages_.has_value());
}

StatusContent StatusPages::Content(const HttpRequest& request) const {
  if (request.path == "/") return SessionsPage(sessions_, request);
  if (request.path == "/receptions") {
    return ReceptionsPage(receptions_, request);
  }
  if (absl::StartsWith(request.path, "/receptions/")) {
    return ReceptionPage(receptions_, request);
  }
  return SessionPage(sessions_, request);
}

}  // namespace tcptool::server
