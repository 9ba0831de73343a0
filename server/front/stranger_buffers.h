// How much the kernel holds of a TCP connection on which nobody has shown
// credentials yet.
#ifndef TCPTOOL_SERVER_FRONT_STRANGER_BUFFERS_H_
#define TCPTOOL_SERVER_FRONT_STRANGER_BUFFERS_H_

#include <linux/socket.h>
#include <sys/socket.h>

namespace tcptool::server {

// By themselves both buffers grow, to some MiB (tcp_wmem, tcp_rmem), at the
// pace that the other end chooses. The kernel doubles what it is told, as what
// it counts has its own overhead in it. What it is to receive is as much as it
// begins with: where that is made less, it drops what comes for a window that
// it has offered, and acknowledgements with it.
inline constexpr int kStrangerSendBytes = 32 << 10;
inline constexpr int kStrangerReceiveBytes = 64 << 10;

// They grow no more. For a connection that is there: of a listener's, the scale
// of the window would be that of a small one for good. Does nothing to a socket
// of another kind, nor where they could not be released, before Linux 5.14,
// which has no SO_BUF_LOCK.
inline void HoldBuffers(int socket) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  if (domain == AF_UNIX) return;
  const int both = SOCK_BUF_LOCK_MASK;
  if (setsockopt(socket, SOL_SOCKET, SO_BUF_LOCK, &both, sizeof(both)) != 0) {
    return;
  }
  setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kStrangerSendBytes,
             sizeof(kStrangerSendBytes));
  setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &kStrangerReceiveBytes,
             sizeof(kStrangerReceiveBytes));
}

// From here on the kernel chooses them, as for any connection.
inline void ReleaseBuffers(int socket) {
  const int none = 0;
  setsockopt(socket, SOL_SOCKET, SO_BUF_LOCK, &none, sizeof(none));
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_STRANGER_BUFFERS_H_
