#include "tests/dataplane/sending/send_window.h"

// The kernel's own header, whose tcp_info is longer than that of glibc.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tcptool::dataplane {

size_t SendWindow(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size);
  return info.tcpi_snd_wnd;
}

}  // namespace tcptool::dataplane
