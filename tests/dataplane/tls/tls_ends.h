// A TlsConnection, and a client of OpenSSL's at its other end.
#ifndef TCPTOOL_TESTS_DATAPLANE_TLS_TLS_ENDS_H_
#define TCPTOOL_TESTS_DATAPLANE_TLS_TLS_ENDS_H_

#include <poll.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "dataplane/tls/tls_connection.h"
#include "tests/dataplane/sending/connection.h"
#include "tests/dataplane/tls/tls_peer.h"

namespace tcptool::dataplane {

class TlsEnds {
 public:
  using Outcome = TlsConnection::Outcome;

  // `receive_buffer`: the peer's, in bytes; 0: the kernel chooses.
  TlsEnds(const Context& server, const Context& client, int receive_buffer = 0)
      : TlsEnds(Connect(receive_buffer), server, client) {}
  ~TlsEnds() { Join(); }

  // Until it is done or has failed; the connection is reset if it has.
  Outcome Handshake() {
    if (!client_.joinable()) {
      client_ = std::thread([this] { peer.Handshake(); });
    }
    Outcome outcome = tls.Handshake();
    while (outcome == Outcome::kWaitsForInput ||
           outcome == Outcome::kWaitsForRoom) {
      Wait(outcome == Outcome::kWaitsForInput ? POLLIN : POLLOUT);
      outcome = tls.Handshake();
    }
    if (outcome != Outcome::kDone) socket = UniqueFd();
    Join();
    return outcome;
  }

  // Sends all, in calls of `size` bytes at most; false: it cannot.
  bool Send(const std::string& content, size_t size = size_t{1} << 20) {
    const auto bytes = std::as_bytes(std::span(content));
    size_t sent = 0;
    while (sent < bytes.size()) {
      const auto rest = bytes.subspan(sent);
      const ssize_t done =
          tls.Send(socket.get(), rest.first(std::min(size, rest.size())));
      if (done == -EAGAIN) {
        Wait(POLLOUT);
      } else if (done < 0) {
        return false;
      } else {
        sent += done;
      }
    }
    return true;
  }
  // What Receive() returns, once it is not -EAGAIN.
  ssize_t Receive(std::span<std::byte> buffer) {
    for (;;) {
      const ssize_t got = tls.Receive(socket.get(), buffer);
      if (got != -EAGAIN) return got;
      Wait(POLLIN);
    }
  }
  ssize_t Receive() {
    std::byte byte{};
    return Receive({&byte, 1});
  }
  TcpInfo Info() {
    TcpInfo info;
    EXPECT_EQ(tls.Info(socket.get(), &info), 0);
    return info;
  }

  UniqueFd socket;
  TlsConnection tls;
  TlsPeer peer;

 private:
  TlsEnds(Connection connection, const Context& server, const Context& client)
      : socket(std::move(connection.sender)),
        tls(SocketApi::Real(), server, socket.get(), TlsRole::kServer),
        peer(std::move(connection.peer), client) {
    ResetOnClose(socket.get());
  }

  void Wait(short events) {
    pollfd waits{.fd = socket.get(), .events = events, .revents = 0};
    const int timeout = static_cast<int>(absl::ToInt64Milliseconds(kDeadline));
    EXPECT_EQ(poll(&waits, 1, timeout), 1);
  }
  void Join() {
    if (client_.joinable()) client_.join();
  }

  std::thread client_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_TLS_TLS_ENDS_H_
