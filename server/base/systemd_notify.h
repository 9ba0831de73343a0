// Tells the service manager (systemd, or whoever started the process in its
// way) what the service is doing.
#ifndef TCPTOOL_SERVER_BASE_SYSTEMD_NOTIFY_H_
#define TCPTOOL_SERVER_BASE_SYSTEMD_NOTIFY_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tcptool::server {

// Sends `state`, for example "READY=1", to the socket that $NOTIFY_SOCKET
// names, by the protocol of sd_notify(3). Returns whether it was received:
// false also if the variable is not set, which is no error. Never blocks. Any
// thread.
bool NotifyServiceManager(absl::string_view state);

// Within what time of the last one the service manager wants a "WATCHDOG=1", by
// sd_watchdog_enabled(3); zero: it wants none of this process. Any thread.
absl::Duration WatchdogTimeout();

// Asks for `extension` more, from now on, before the service manager takes what
// is going on, a start or a stop, for hung. As NotifyServiceManager().
bool ExtendServiceTimeout(absl::Duration extension);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_SYSTEMD_NOTIFY_H_
