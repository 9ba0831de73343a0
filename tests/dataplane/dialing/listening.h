// What a connection is tried with: those who listen, and those who do not
// answer.
#ifndef TCPTOOL_TESTS_DATAPLANE_DIALING_LISTENING_H_
#define TCPTOOL_TESTS_DATAPLANE_DIALING_LISTENING_H_

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <asio/ip/tcp.hpp>

#include "dataplane/base/unique_fd.h"

namespace tcptool::dataplane {

inline asio::ip::tcp::endpoint NameOf(int socket) {
  asio::ip::tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  getsockname(socket, endpoint.data(), &size);
  endpoint.resize(size);
  return endpoint;
}

inline asio::ip::tcp::endpoint PeerOf(const UniqueFd& socket) {
  asio::ip::tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  getpeername(socket.get(), endpoint.data(), &size);
  endpoint.resize(size);
  return endpoint;
}

// Listens on a port of 127.0.0.1 that the kernel picks.
class Listening {
 public:
  explicit Listening(int backlog = 16)
      : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const asio::ip::tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
    EXPECT_EQ(bind(socket_.get(), any.data(), any.size()), 0);
    EXPECT_EQ(listen(socket_.get(), backlog), 0);
  }
  asio::ip::tcp::endpoint endpoint() const { return NameOf(socket_.get()); }
  int accept() { return ::accept(socket_.get(), nullptr, nullptr); }

 private:
  const UniqueFd socket_;
};

// Answers no attempt: its queue is full, and the kernel drops what more comes.
class BlackHole {
 public:
  BlackHole() : listening_(0) {
    for (UniqueFd& filler : fillers_) {
      filler = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      const asio::ip::tcp::endpoint endpoint = listening_.endpoint();
      connect(filler.get(), endpoint.data(), endpoint.size());
    }
  }
  asio::ip::tcp::endpoint endpoint() const { return listening_.endpoint(); }

 private:
  Listening listening_;
  UniqueFd fillers_[3];
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_DIALING_LISTENING_H_
