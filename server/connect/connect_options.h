// The options of the API on the HTTP address.
#ifndef TCPTOOL_SERVER_CONNECT_CONNECT_OPTIONS_H_
#define TCPTOOL_SERVER_CONNECT_CONNECT_OPTIONS_H_

#include <string>
#include <vector>

namespace tcptool::server {

struct ConnectOptions {
  bool enabled = false;
  std::vector<std::string> origins;  // See IsOrigin().
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_CONNECT_CONNECT_OPTIONS_H_
