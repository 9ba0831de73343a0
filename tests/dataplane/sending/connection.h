// Both ends of a connection over loopback, without a session around them.
#ifndef TCPTOOL_TESTS_DATAPLANE_SENDING_CONNECTION_H_
#define TCPTOOL_TESTS_DATAPLANE_SENDING_CONNECTION_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>

#include "absl/time/clock.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/lanes/socket_api.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {

struct Connection {
  UniqueFd sender;  // Non-blocking, as the listener's are.
  std::unique_ptr<Peer> peer;
};

// `receive_buffer`: the peer's, in bytes; 0: the kernel chooses. The same with
// the sender's.
inline Connection Connect(int receive_buffer = 0,
                          int sender_receive_buffer = 0) {
  UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (sender_receive_buffer > 0) {  // It is inherited.
    setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &sender_receive_buffer,
               sizeof sender_receive_buffer);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof address),
            0);
  listen(listener.get(), 1);
  socklen_t size = sizeof address;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  Connection connection;
  connection.peer =
      std::make_unique<Peer>(ntohs(address.sin_port), receive_buffer);
  sockaddr_storage peer;
  socklen_t peer_size = sizeof peer;
  connection.sender =
      UniqueFd(SocketApi::Real().Accept(listener.get(), &peer, &peer_size));
  return connection;
}

// Asks again and again until `holds`; false: it did not come true in time.
template <typename Condition>
bool Eventually(Condition holds) {
  const absl::Time deadline = absl::Now() + kDeadline;
  while (!holds()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

// TCP_ESTABLISHED, TCP_CLOSE_WAIT, ... (netinet/tcp.h)
inline int TcpState(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size);
  return info.tcpi_state;
}

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_SENDING_CONNECTION_H_
