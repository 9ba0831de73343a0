// The options of a recipient's socket that decide how the kernel sends to it
// (socket(7), tcp(7)). None can fail in a way that matters: where the kernel
// does not know one, sending is less frugal.
#ifndef TCPTOOL_DATAPLANE_SENDING_SOCKET_OPTIONS_H_
#define TCPTOOL_DATAPLANE_SENDING_SOCKET_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace tcptool::dataplane {

// Probes a host that has been silent for 45 s, and breaks the connection
// (ETIMEDOUT) if it answers nothing for `dead_timeout`: for connections on
// which nothing is sent, where nothing else would tell.
void EnableKeepalive(int socket, absl::Duration dead_timeout);

// Has TCP probe the host at once if it has been silent for a second, and each
// second until it answers: for a socket with EnableKeepalive(), which ends
// that.
void ProbeNow(int socket);

// Whether a segment that is not full waits for more content.
void SetCork(int socket, bool corked);

// Limits the rate of the connection, in bytes a second.
void SetPacing(int socket, uint64_t bytes_per_second);

// How many bytes that have not been sent yet the kernel takes. What is on its
// way comes on top; that is bounded by what the peer's window allows.
void SetMaxUnsent(int socket, size_t bytes);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_SOCKET_OPTIONS_H_
