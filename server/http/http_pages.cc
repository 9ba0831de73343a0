#include "server/http/http_pages.h"

#include <utility>

#include "absl/strings/match.h"

namespace tcptool::server {

HttpPages::HttpPages(Options options, const Metrics& metrics,
                     const SessionTable& sessions,
                     const ReceptionTable& receptions,
                     fleet::Distributions* distributions)
    : options_(std::move(options)),
      hosts_(options_.hosts),
      metrics_(metrics),
      status_pages_(sessions, receptions, distributions, options_.fleet) {}

void HttpPages::Get(const HttpRequest& request,
                    const HttpRespond& respond) const {
  if (options_.status_page && hosts_.Allows(request.host) &&
      status_pages_.Has(request.path)) {
    return status_pages_.Get(request, respond);
  }
  respond([response = Answer(request)] { return response; });
}

HttpResponse HttpPages::Answer(const HttpRequest& request) const {
  if (request.path == "/healthz") {
    if (options_.is_reachable()) return {.body = "ok\n"};
    return {.status = 503,
            .body =
                "The control port, or the peer address, takes no connections; "
                "the log has the reason as control_unreachable.\n"};
  }
  if (request.path == "/readyz") {
    if (!options_.is_ready()) {
      return {.status = 503,
              .body = "The service is stopping: it takes no new sessions.\n"};
    }
    if (!options_.is_storing()) {
      return {.status = 503,
              .body =
                  "The state cannot be written: new sessions are refused; the "
                  "log has the reason as store_failed.\n"};
    }
    return {.body = "ready\n"};
  }
  if (!hosts_.Allows(request.host)) {
    return {.status = 421,
            .body =
                "The Host header names neither this node nor an address. If it "
                "is a name of this service, start tcptoold with "
                "--http-host=NAME.\n"};
  }
  if (request.path == "/metrics") {
    return {
        .content_type = Metrics::kContentType,
        .body = metrics_.Render(options_.is_ready() && options_.is_storing())};
  }
  if (status_pages_.Has(request.path)) {
    return {.status = 404,
            .body =
                "The status page is off. Start tcptoold with "
                "--status-page to show sessions, receptions, the fleet, and "
                "their peers' addresses to everybody who reaches this port.\n"};
  }
  return {.status = 404,
          .body =
              "There are /metrics, /healthz, /readyz and, with "
              "--status-page, /.\n"};
}

}  // namespace tcptool::server
