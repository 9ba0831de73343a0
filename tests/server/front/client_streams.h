// A ClientStream over a pair of sockets; the other end is OpenSSL's, driven in
// turns with the stream: neither waits, and a test has one thread.
#ifndef TCPTOOL_TESTS_SERVER_FRONT_CLIENT_STREAMS_H_
#define TCPTOOL_TESTS_SERVER_FRONT_CLIENT_STREAMS_H_

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <array>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "dataplane/base/unique_fd.h"
#include "server/front/client_stream.h"
#include "server/security/control_tls.h"
#include "tests/server/certificates.h"

namespace tcptool::server {

inline void Send(const dataplane::UniqueFd& fd, absl::string_view bytes) {
  ASSERT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

class ClientStreamTest : public testing::Test {
 protected:
  ClientStreamTest() {
    Connect();
    UseAlpn({2, 'h', '2'});
  }

  void Connect() {
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                         ends.data()),
              0);
    ours = dataplane::UniqueFd(ends[0]);
    clients = dataplane::UniqueFd(ends[1]);
  }

  template <size_t kSize>
  void UseAlpn(const unsigned char (&protocols)[kSize]) {
    SSL_CTX_set_alpn_protos(client_context.get(), protocols, kSize);
  }

  void ShowCertificate(const Issued& issued) {
    SSL_CTX_use_certificate(client_context.get(), issued.certificate.get());
    SSL_CTX_use_PrivateKey(client_context.get(), issued.key.get());
  }

  // Clients' certificates are those of the authority's, if there are any.
  void UseClientAuthority(bool required) {
    options.tls_client_ca = Write("ca", ToPem(authority.certificate()));
    options.tls_require_client_cert = required;
    options.token_file = "tokens";
  }

  static std::string Write(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(testing::TempDir(), "/", name);
    std::ofstream(path) << text;
    return path;
  }

  ClientStream NewStream() {
    const Issued server = authority.Issue({.name = "server"});
    options.tls_cert = Write("cert", ToPem(server.certificate));
    options.tls_key = Write("key", ToPem(server.key));
    tls = *LoadControlTls(options);
    client.reset(SSL_new(client_context.get()));
    SSL_set_fd(client.get(), clients.get());
    SSL_set_connect_state(client.get());
    return ClientStream(ours.get(), tls->Current().get());
  }

  // The stream's end of the handshake: kWaitsForInput when it is done and the
  // client has sent nothing.
  ClientStream::Moved Handshake(ClientStream& stream) {
    std::array<char, 1> byte{};
    ClientStream::Moved moved{ClientStream::Result::kWaitsForInput};
    // The client has the last word in TLS 1.3, and the server in 1.2.
    for (int turn = 0; turn < 10; ++turn) {
      SSL_do_handshake(client.get());
      moved = stream.Read(absl::MakeSpan(byte));
      if (moved.result != ClientStream::Result::kWaitsForInput) break;
    }
    return moved;
  }

  void ExpectRefused(const std::string& why) {
    ClientStream stream = NewStream();
    EXPECT_EQ(Handshake(stream).result, ClientStream::Result::kLost);
    EXPECT_FALSE(stream.ready());
    EXPECT_NE(stream.error().find(why), std::string::npos) << stream.error();
  }

  dataplane::UniqueFd ours;
  dataplane::UniqueFd clients;
  const TestAuthority authority{"authority"};
  SecurityOptions options;
  std::unique_ptr<TlsContext> tls;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> client_context{
      SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> client{nullptr, &SSL_free};
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_FRONT_CLIENT_STREAMS_H_
