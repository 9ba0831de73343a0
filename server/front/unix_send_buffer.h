// How much of what a client on a Unix socket has not read the kernel holds.
#ifndef TCPTOOL_SERVER_FRONT_UNIX_SEND_BUFFER_H_
#define TCPTOOL_SERVER_FRONT_UNIX_SEND_BUFFER_H_

#include <sys/socket.h>

namespace tcptool::server {

// SIOCOUTQ of a Unix socket counts what it was given piece by piece: of a piece
// of which a byte is unread it counts all. A piece is one send, or half of the
// send buffer if that is less; of the kernel's default buffer (208 KiB) it
// takes a client that reads 1 KiB a second two minutes. With these it is 16
// KiB, and 2 KiB. The kernel doubles what it is told.
inline constexpr int kUnixSendBytes = 16 << 10;
inline constexpr int kSmallUnixSendBytes = 2 << 10;

// Does nothing to a socket of another kind: TCP chooses its buffer itself.
inline void SetUnixSendBuffer(int socket, int bytes) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  if (domain != AF_UNIX) return;
  setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_UNIX_SEND_BUFFER_H_
