// The options of the HTTP server, as the command line has them.
#ifndef TCPTOOL_SERVER_HTTP_HTTP_OPTIONS_H_
#define TCPTOOL_SERVER_HTTP_HTTP_OPTIONS_H_

#include <string>
#include <vector>

namespace tcptool::server {

struct HttpOptions {
  std::string address = "127.0.0.1:9874";  // IP:PORT; port 0: a free one.
  std::vector<std::string> hosts;          // See allowed_hosts.h.
  bool status_page = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_OPTIONS_H_
