// Which Host headers a request may have.
//
// Protects from DNS rebinding: a page of another site lets its own name point
// to this node's address once the browser has loaded it, and could then read
// this node's pages as if they were of its own origin. The browser still sends
// that name as the Host.
#ifndef TCPTOOL_SERVER_HTTP_ALLOWED_HOSTS_H_
#define TCPTOOL_SERVER_HTTP_ALLOWED_HOSTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"

namespace tcptool::server {

// Immutable.
class AllowedHosts {
 public:
  // IP addresses are always allowed, since no name was looked up for them, and
  // so is "localhost", which browsers do not look up. Besides them: this node's
  // host name, in full and up to its first dot; and `names`, of which "*"
  // allows everything.
  explicit AllowedHosts(const std::vector<std::string>& names);

  // `host` is a Host header as sent: a host, and perhaps a port of five digits
  // at most (RFC 9110, 7.2). None at all, as of clients of HTTP/1.0, is
  // allowed: browsers always send one.
  bool Allows(const std::optional<std::string>& host) const;

 private:
  absl::flat_hash_set<std::string> names_;  // In lower case.
  bool any_ = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_ALLOWED_HOSTS_H_
