// Both ends of a TCP connection over loopback.
#ifndef TCPTOOL_TESTS_CLIENT_TCPTOOL_TCP_PAIR_H_
#define TCPTOOL_TESTS_CLIENT_TCPTOOL_TCP_PAIR_H_

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "dataplane/base/unique_fd.h"

namespace tcptool::client {

struct TcpPair {
  TcpPair() {
    const dataplane::UniqueFd listener(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const name = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener.get(), name, size), 0);
    EXPECT_EQ(listen(listener.get(), 1), 0);
    EXPECT_EQ(getsockname(listener.get(), name, &size), 0);
    recipient = dataplane::UniqueFd(socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(connect(recipient.get(), name, size), 0);
    sender = dataplane::UniqueFd(accept(listener.get(), nullptr, nullptr));
  }

  dataplane::UniqueFd recipient;
  dataplane::UniqueFd sender;  // It has accepted the connection.
};

}  // namespace tcptool::client

#endif  // TCPTOOL_TESTS_CLIENT_TCPTOOL_TCP_PAIR_H_
