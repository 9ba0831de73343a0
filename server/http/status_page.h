// The status page: sessions, recipients and receptions, and the fleet, how far
// they are, and why they are no further.
#ifndef TCPTOOL_SERVER_HTTP_STATUS_PAGE_H_
#define TCPTOOL_SERVER_HTTP_STATUS_PAGE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/fleet/service/distributions.h"
#include "server/http/fleet_pages.h"
#include "server/http/http_message.h"
#include "server/http/status_layout.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"

namespace tcptool::server {

// Any thread may call any method; none waits for anything but a lock.
class StatusPages {
 public:
  // All of them outlive this. `distributions`: null, and no name, where the
  // node is in no fleet.
  StatusPages(const SessionTable& sessions, const ReceptionTable& receptions,
              fleet::Distributions* distributions,
              const std::string& fleet_name);

  // "/", "/sessions/ID", "/receptions", "/receptions/ID", and the files that
  // they use; in a fleet also what FleetPages has.
  bool Has(absl::string_view path) const;

  // For paths that it has. Complete without JavaScript: a script only spares
  // the reload. The query's "page" is a page token of the API's lists or, of a
  // distribution's nodes, the one to begin with.
  void Get(const HttpRequest& request, const HttpRespond& respond) const;

 private:
  HttpResponse Answer(const HttpRequest& request) const;
  StatusContent Content(const HttpRequest& request) const;

  const SessionTable& sessions_;
  const ReceptionTable& receptions_;
  std::optional<FleetPages> fleet_pages_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_STATUS_PAGE_H_
