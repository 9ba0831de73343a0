// Which options go together.
#ifndef TCPTOOL_SERVER_DAEMON_OPTION_RULES_H_
#define TCPTOOL_SERVER_DAEMON_OPTION_RULES_H_

#include <string>

#include "server/daemon/options.h"

namespace tcptool::server {

// Why these options, each of them right by itself, are not right together: a
// sentence that says what to do. Empty if they are.
std::string CheckTogether(const Options& options);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_OPTION_RULES_H_
