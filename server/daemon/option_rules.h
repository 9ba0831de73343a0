// Which options can be combined.
#ifndef TCPTOOL_SERVER_DAEMON_OPTION_RULES_H_
#define TCPTOOL_SERVER_DAEMON_OPTION_RULES_H_

#include <string>

#include "server/daemon/options.h"

namespace tcptool::server {

// Returns why these options, each valid by itself, are not valid together: a
// sentence that says what to do. Empty if they are.
std::string CheckTogether(const Options& options);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_OPTION_RULES_H_
