// An end of a connection in TLS whose calls wait, and certificates for both.
#ifndef TCPTOOL_TESTS_DATAPLANE_BLOCKING_TLS_H_
#define TCPTOOL_TESTS_DATAPLANE_BLOCKING_TLS_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/types.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/base/unique_fd.h"
#include "dataplane/lanes/socket_api.h"
#include "dataplane/tls/tls_connection.h"
#include "dataplane/tls/tls_context.h"
#include "tests/dataplane/testing.h"
#include "tests/server/certificates.h"

namespace tcptool::dataplane {

inline TlsIdentity IdentityOf(const server::Issued& issued) {
  return {.certificate = {.name = "certificate",
                          .text = server::ToPem(issued.certificate)},
          .key = {.name = "key", .text = server::ToPem(issued.key)}};
}

// Shows `issued`, and believes whom `authority` has signed.
inline std::shared_ptr<SSL_CTX> ServerOf(const server::TestAuthority& authority,
                                         const server::Issued& issued) {
  return *NewServerContext(
      IdentityOf(issued),
      {.name = "clients", .text = server::ToPem(authority.certificate())});
}
inline std::shared_ptr<SSL_CTX> ClientOf(const server::TestAuthority& authority,
                                         const server::Issued& issued) {
  return *NewClientContext(
      {.name = "servers", .text = server::ToPem(authority.certificate())},
      IdentityOf(issued));
}

// A connection of `peer`'s own.
inline UniqueFd SocketOf(const Peer& peer) {
  return UniqueFd(fcntl(peer.fd(), F_DUPFD_CLOEXEC, 0));
}

class BlockingTls {
 public:
  using Outcome = TlsConnection::Outcome;

  BlockingTls(UniqueFd socket, const std::shared_ptr<SSL_CTX>& context,
              TlsRole role)
      : socket_(std::move(socket)),
        tls_(SocketApi::Real(), context, socket_.get(), role) {
    fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
    if (role == TlsRole::kServer && context != nullptr) {
      tls_.RequireCertificate();
    }
  }

  const TlsConnection& tls() const { return tls_; }

  Outcome Handshake() {
    for (;;) {
      const Outcome outcome = tls_.Handshake();
      const bool waits = outcome == Outcome::kWaitsForInput ||
                         outcome == Outcome::kWaitsForRoom;
      if (!waits) return outcome;
      if (!Wait(outcome == Outcome::kWaitsForInput ? POLLIN : POLLOUT)) {
        return outcome;
      }
    }
  }

  // False: the peer has closed.
  bool Send(const std::string& data) {
    for (size_t sent = 0; sent < data.size();) {
      const ssize_t now = tls_.Send(
          socket_.get(), std::as_bytes(std::span(data).subspan(sent)));
      if (now == -EAGAIN && Wait(POLLOUT)) continue;
      if (now < 0) return false;
      sent += static_cast<size_t>(now);
    }
    return true;
  }

  // `size` bytes at most, until the end or an error.
  Peer::Result Read(size_t size = ~size_t{0}) {
    Peer::Result result;
    std::vector<std::byte> buffer(size_t{1} << 16);
    while (result.error == 0 && result.data.size() < size) {
      const ssize_t got = tls_.Receive(
          socket_.get(), std::span(buffer).first(std::min(
                             buffer.size(), size - result.data.size())));
      if (got == -EAGAIN && Wait(POLLIN)) continue;
      if (got < 0) result.error = static_cast<int>(-got);
      if (got <= 0) break;
      result.data.append(reinterpret_cast<const char*>(buffer.data()),
                         static_cast<size_t>(got));
    }
    return result;
  }

  // The orderly end of its side.
  void End() { tls_.ShutdownWrite(socket_.get()); }
  // Of its side of TCP alone: the peer cannot take it for the end.
  void Cut() { shutdown(socket_.get(), SHUT_WR); }

 private:
  bool Wait(short events) const {
    pollfd socket = {.fd = socket_.get(), .events = events, .revents = 0};
    const bool happens =
        poll(&socket, 1,
             static_cast<int>(absl::ToInt64Milliseconds(kDeadline))) > 0;
    EXPECT_TRUE(happens);
    return happens;
  }

  UniqueFd socket_;
  TlsConnection tls_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_BLOCKING_TLS_H_
