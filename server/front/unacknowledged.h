// How much of what a socket was given its other end does not have.
#ifndef TCPTOOL_SERVER_FRONT_UNACKNOWLEDGED_H_
#define TCPTOOL_SERVER_FRONT_UNACKNOWLEDGED_H_

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

namespace tcptool::server {

// In bytes: what TCP has not acknowledged, the end of the connection counting
// for one. Of a Unix socket, the kernel's memory for what is unread.
inline int Unacknowledged(int socket) {
  int bytes = 0;
  ioctl(socket, SIOCOUTQ, &bytes);
  return bytes;
}

// Whether the other end has all, or is lost: then SIOCOUTQ stays as it was.
inline bool HasAll(int socket) {
  pollfd polled = {.fd = socket, .events = 0, .revents = 0};
  poll(&polled, 1, 0);
  return (polled.revents & POLLERR) != 0 || Unacknowledged(socket) == 0;
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_UNACKNOWLEDGED_H_
