// To end a TCP connection with a reset.
#ifndef TCPTOOL_SERVER_FRONT_RESET_ON_CLOSE_H_
#define TCPTOOL_SERVER_FRONT_RESET_ON_CLOSE_H_

#include <sys/socket.h>

namespace tcptool::server {

// Has close(2) of the socket reset its connection, whatever is on its way:
// linger 0. Does nothing to a Unix socket.
inline void ResetOnClose(int socket) {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_RESET_ON_CLOSE_H_
