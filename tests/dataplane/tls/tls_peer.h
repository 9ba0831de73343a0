// Certificates for a test, and a recipient's end in TLS: OpenSSL's own client,
// on a socket that blocks.
#ifndef TCPTOOL_TESTS_DATAPLANE_TLS_TLS_PEER_H_
#define TCPTOOL_TESTS_DATAPLANE_TLS_TLS_PEER_H_

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/tls/tls_context.h"
#include "tests/dataplane/blocking_tls.h"
#include "tests/dataplane/testing.h"
#include "tests/server/certificates.h"

namespace tcptool::dataplane {

using Context = std::shared_ptr<SSL_CTX>;

// An authority, whose certificates both ends have.
class TlsWorld {
 public:
  using Request = server::TestAuthority::Request;

  // OpenSSL writes to sockets that have been reset.
  TlsWorld() { signal(SIGPIPE, SIG_IGN); }

  TlsIdentity Issue(const Request& request) const {
    return IdentityOf(authority_.Issue(request));
  }
  PemText Authority() const {
    return {.name = "authority",
            .text = server::ToPem(authority_.certificate())};
  }

  // That asks clients for certificates of the authority, or does not.
  Context Server(bool asks_clients = false) const {
    return *NewServerContext(
        Issue({.name = "sender", .alternatives = "DNS:sender.example"}),
        asks_clients ? Authority() : PemText{});
  }
  // Without a certificate.
  Context Client() const { return *NewClientContext(Authority(), {}); }
  Context Client(const Request& request) const {
    return Client(Issue(request));
  }
  Context Client(const TlsIdentity& identity) const {
    return *NewClientContext(Authority(), identity);
  }

 private:
  const server::TestAuthority authority_{"authority"};
};

class TlsPeer {
 public:
  // `context`: a client's.
  TlsPeer(std::unique_ptr<Peer> peer, const Context& context)
      : peer_(std::move(peer)), ssl_(SSL_new(context.get()), &SSL_free) {
    // Whoever waits longer for the sender fails the test.
    const timeval deadline = absl::ToTimeval(kDeadline);
    setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    SSL_set_fd(ssl_.get(), fd());
    SSL_set_connect_state(ssl_.get());
  }
  TlsPeer(uint16_t port, const Context& context)
      : TlsPeer(std::make_unique<Peer>(port), context) {}

  // True: it is done. Whether the sender takes the certificate is known later,
  // by what can be read.
  bool Handshake() { return SSL_do_handshake(ssl_.get()) == 1; }
  bool Say(const std::string& bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) >
           0;
  }
  // Its close_notify.
  void SayEnd() { SSL_shutdown(ssl_.get()); }

  // Reads `size` bytes at most, until the end.
  struct Result {
    std::string data;
    bool whole = false;  // Its end was a close_notify.
    int error = 0;       // errno, as ECONNRESET; 0: it was an end of TCP's.
  };
  Result Read(size_t size = ~size_t{0}) {
    Result result;
    std::vector<char> buffer(size_t{1} << 16);
    while (result.data.size() < size) {
      size_t got = 0;
      const int done =
          SSL_read_ex(ssl_.get(), buffer.data(),
                      std::min(buffer.size(), size - result.data.size()), &got);
      if (done != 1) {
        const int reason = SSL_get_error(ssl_.get(), done);
        if (reason == SSL_ERROR_SYSCALL) result.error = errno;
        result.whole = reason == SSL_ERROR_ZERO_RETURN;
        ERR_clear_error();
        break;
      }
      result.data.append(buffer.data(), got);
    }
    return result;
  }
  // Reads to the end, answers it, and closes, as a program does.
  Result ReadAndClose() {
    Result result = Read();
    if (result.whole) SayEnd();
    peer_->Close();
    return result;
  }

  Peer& peer() { return *peer_; }
  int fd() const { return peer_->fd(); }
  SSL* ssl() const { return ssl_.get(); }

 private:
  const std::unique_ptr<Peer> peer_;
  const std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_TLS_TLS_PEER_H_
