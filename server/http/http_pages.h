// What the service has at each path of its HTTP address.
#ifndef TCPTOOL_SERVER_HTTP_HTTP_PAGES_H_
#define TCPTOOL_SERVER_HTTP_HTTP_PAGES_H_

#include <functional>
#include <string>
#include <vector>

#include "server/fleet/service/distributions.h"
#include "server/http/allowed_hosts.h"
#include "server/http/http_message.h"
#include "server/http/status_page.h"
#include "server/metrics/metrics.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"

namespace tcptool::server {

// Any thread may call any method; none waits for anything but a lock.
class HttpPages {
 public:
  struct Options {
    // Whether people without the control API's credentials may see sessions,
    // receptions, and their peers' addresses.
    bool status_page = false;
    // Names in Host headers besides this node's own; see allowed_hosts.h.
    std::vector<std::string> hosts;
    // Whether the control port, and the peer address, can be reached.
    std::function<bool()> is_reachable;
    // False from the first moment of a drain.
    std::function<bool()> is_ready;
    // Whether the state can be written, as new sessions want.
    std::function<bool()> is_storing;
    // The name of the fleet that the node is in, if any.
    std::string fleet;
  };

  // All of them outlive the pages. `distributions`: null where the node is in
  // no fleet.
  HttpPages(Options options, const Metrics& metrics,
            const SessionTable& sessions, const ReceptionTable& receptions,
            fleet::Distributions* distributions);

  // /metrics, /healthz, /readyz; and with the status page what StatusPages has.
  // 404 for other paths, and 421 if the request's Host may not see the page:
  // health, which is no secret, is for all.
  void Get(const HttpRequest& request, const HttpRespond& respond) const;

 private:
  // For the paths that are not the status page's, and for those that may not
  // see it.
  HttpResponse Answer(const HttpRequest& request) const;

  const Options options_;
  const AllowedHosts hosts_;
  const Metrics& metrics_;
  const StatusPages status_pages_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_PAGES_H_
