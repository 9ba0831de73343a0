// --ready-file: where a service tells its addresses.
#ifndef TCPTOOL_SERVER_DAEMON_READY_FILE_H_
#define TCPTOOL_SERVER_DAEMON_READY_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace tcptool::server {

// Written under another name and renamed, so that nobody reads a part.
// `peer_address`: empty: there is none.
absl::Status WriteReadyFile(const std::string& path,
                            const std::string& control_address,
                            const std::string& http_address,
                            const std::string& peer_address);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_READY_FILE_H_
