#include "server/front/tls_intake.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdint>

namespace tcptool::server {
namespace {

// Of a socket's BIO. OpenSSL goes on by itself with records that have no
// content (KeyUpdate, renegotiations that it refuses), for as long as there are
// some: it is told to come back later instead.
int Read(BIO* bio, char* into, int size) {
  TlsIntake& intake = *static_cast<TlsIntake*>(BIO_get_app_data(bio));
  if (intake.budget == 0) {
    BIO_clear_retry_flags(bio);
    BIO_set_retry_read(bio);
    return -1;
  }
  const int count = BIO_meth_get_read(BIO_s_socket())(bio, into, size);
  if (count <= 0) return count;
  const auto bytes = static_cast<size_t>(count);
  intake.budget -= std::min(intake.budget, bytes);
  return intake.hello.Admits({into, bytes}) ? count : -1;
}

const BIO_METHOD* SocketWithIntake() {
  static const BIO_METHOD* const method = [] {
    const BIO_METHOD* const socket = BIO_s_socket();
    BIO_METHOD* const own = BIO_meth_new(BIO_TYPE_SOCKET, "with an intake");
    BIO_meth_set_read(own, Read);
    BIO_meth_set_write(own, BIO_meth_get_write(socket));
    BIO_meth_set_ctrl(own, BIO_meth_get_ctrl(socket));
    BIO_meth_set_create(own, BIO_meth_get_create(socket));
    BIO_meth_set_destroy(own, BIO_meth_get_destroy(socket));
    return own;
  }();
  return method;
}

}  // namespace

SSL* NewServer(int fd, TlsIntake& intake, SSL_CTX* tls) {
  SSL* const ssl = SSL_new(tls);
  BIO* const bio = BIO_new(SocketWithIntake());
  BIO_set_fd(bio, fd, BIO_NOCLOSE);
  BIO_set_app_data(bio, &intake);
  SSL_set_bio(ssl, bio, bio);
  dataplane::WatchForHellos(ssl, intake.hello);
  SSL_set_accept_state(ssl);
  return ssl;
}

}  // namespace tcptool::server
