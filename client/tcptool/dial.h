// Connects to a sender by its name, and waits for it if need be.
#ifndef TCPTOOL_CLIENT_TCPTOOL_DIAL_H_
#define TCPTOOL_CLIENT_TCPTOOL_DIAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dataplane/base/unique_fd.h"

namespace tcptool::client {

// Connects to `host`, a name or an IP address; `port` is a number. Tries all
// addresses of a name (see ConnectToFirst()), repeatedly until `wait` is over,
// with a new look-up each time; with a `wait` of 0, once, with the system's
// time-outs.
//
// The socket blocks, and resets on close. Errors: NotFound, the name has no
// address; ResourceExhausted, no socket can be had; Unavailable, nobody
// answered. The message has the system's reason.
absl::StatusOr<dataplane::UniqueFd> Dial(const std::string& host,
                                         const std::string& port,
                                         absl::Duration wait);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_DIAL_H_
