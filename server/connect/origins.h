// Which pages of other sites may call the API from a browser (CORS).
#ifndef TCPTOOL_SERVER_CONNECT_ORIGINS_H_
#define TCPTOOL_SERVER_CONNECT_ORIGINS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "server/http/http_message.h"

namespace tcptool::server {

// Immutable.
class Origins {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit Origins(const std::vector<std::string>& names)
      : names_(names.begin(), names.end()) {}

  // False: the request comes from a page that is not of these. Who sends no
  // Origin is no page of another site.
  bool Allows(const HttpRequest& request) const;
  // What lets the page that has sent `request` read the response.
  Headers HeadersFor(const HttpRequest& request) const;
  // The answer to what a browser asks before it sends the request.
  HttpResponse Preflight(const HttpRequest& request) const;

 private:
  absl::flat_hash_set<std::string> names_;
};

// Whether a browser can send this: "https://fleet.example:8443", in lower case,
// without a path, and without the scheme's own port.
bool IsOrigin(absl::string_view text);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_CONNECT_ORIGINS_H_
