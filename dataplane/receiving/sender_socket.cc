#include "dataplane/receiving/sender_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace tcptool::dataplane {
namespace {

void Set(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace

void WatchSender(int socket, absl::Duration dead_timeout) {
  const int seconds = static_cast<int>(
      std::clamp<int64_t>(absl::ToInt64Seconds(dead_timeout), 4, 30'000));
  Set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds / 2);
  Set(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 6));
  Set(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

void StopWatchingSender(int socket) {
  Set(socket, SOL_SOCKET, SO_KEEPALIVE, 0);
}

bool IsSilent(int socket) {
  pollfd input = {.fd = socket, .events = POLLIN, .revents = 0};
  return poll(&input, 1, 0) == 0;
}

int TakePendingError(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    return errno;
  }
  // The kernel reports a reset that comes after the peer's FIN as EPIPE.
  return error == EPIPE ? ECONNRESET : error;
}

bool IsClosed(int socket) {
  tcp_info info = {};
  socklen_t size = sizeof info;
  return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
         info.tcpi_state == TCP_CLOSE;
}

}  // namespace tcptool::dataplane
