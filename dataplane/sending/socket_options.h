// The options of a recipient's socket that decide how the kernel sends to it
// (socket(7), tcp(7)). Errors are ignored: a kernel that lacks an option only
// sends less economically.
#ifndef TCPTOOL_DATAPLANE_SENDING_SOCKET_OPTIONS_H_
#define TCPTOOL_DATAPLANE_SENDING_SOCKET_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace tcptool::dataplane {

// Enables keepalive, for connections on which nothing is sent: a host that is
// silent for 5 s is probed, and the connection breaks (ETIMEDOUT) if it
// answers nothing for `dead_timeout`.
void EnableKeepalive(int socket, absl::Duration dead_timeout);

// Has TCP probe the host as soon as it has been silent for a second, then each
// second until it answers. EnableKeepalive() undoes this.
void ProbeNow(int socket);

// TCP_CORK: whether a segment that is not full waits for more content.
void SetCork(int socket, bool corked);

// SO_MAX_PACING_RATE, in bytes per second; 0: no limit.
void SetPacing(int socket, uint64_t bytes_per_second);

// TCP_NOTSENT_LOWAT: limit of the unsent bytes in the kernel. Bytes in flight
// come on top; the peer's window bounds these.
void SetMaxUnsent(int socket, size_t bytes);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_SOCKET_OPTIONS_H_
