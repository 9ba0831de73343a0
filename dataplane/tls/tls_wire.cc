#include "dataplane/tls/tls_wire.h"

#include <openssl/bio.h>

#include <algorithm>
#include <cerrno>
#include <span>

namespace tcptool::dataplane {
namespace {

TlsWire& WireOf(BIO* bio) {
  return *static_cast<TlsWire*>(BIO_get_app_data(bio));
}

int Read(BIO* bio, char* into, int size) {
  TlsWire& wire = WireOf(bio);
  BIO_clear_retry_flags(bio);
  if (wire.budget == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const ssize_t got = wire.sockets.Receive(
      wire.socket,
      std::as_writable_bytes(std::span(into, static_cast<size_t>(size))));
  if (got == -EAGAIN) BIO_set_retry_read(bio);
  if (got < 0) {
    if (got != -EAGAIN) wire.error = static_cast<int>(got);
    return -1;
  }
  if (got == 0) {
    wire.peer_has_ended = true;
    return 0;
  }
  const auto bytes = static_cast<size_t>(got);
  wire.budget -= std::min(wire.budget, bytes);
  wire.input += bytes;
  return wire.hello.Admits({into, bytes}) ? static_cast<int>(got) : -1;
}

int Write(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  if (BIO_get_ktls_send(bio)) {
    constexpr int kAlert = 2;  // Bytes; messages of the handshake have more.
    if (size != kAlert) {
      WireOf(bio).new_keys_refused = true;
      return -1;
    }
    const int sent = BIO_meth_get_write(BIO_s_socket())(bio, from, size);
    if (sent > 0) WireOf(bio).alerts += sent;
    return sent;
  }
  const auto bytes = std::as_bytes(std::span(from, static_cast<size_t>(size)));
  return WireOf(bio).queue.Append(bytes) ? size : -1;
}

long Flush(BIO* bio) {
  TlsWire& wire = WireOf(bio);
  BIO_clear_retry_flags(bio);
  const int error = wire.queue.Flush(wire.sockets, wire.socket);
  if (error == 0 || (HasNoRoom(error) && wire.is_ready)) return 1;
  if (HasNoRoom(error)) {
    BIO_set_retry_write(bio);
  } else {
    wire.error = error;
  }
  return -1;
}

long Control(BIO* bio, int command, long number, void* pointer) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return Flush(bio);
    case BIO_CTRL_EOF:
      return WireOf(bio).peer_has_ended ? 1 : 0;
    default:
      // Among others, it hands the kernel the key (kTLS).
      return BIO_meth_get_ctrl(BIO_s_socket())(bio, command, number, pointer);
  }
}

const BIO_METHOD* Method() {
  static const BIO_METHOD* const method = [] {
    const BIO_METHOD* const socket = BIO_s_socket();
    BIO_METHOD* const own = BIO_meth_new(BIO_TYPE_SOCKET, "a data connection");
    BIO_meth_set_read(own, Read);
    BIO_meth_set_write(own, Write);
    BIO_meth_set_ctrl(own, Control);
    BIO_meth_set_create(own, BIO_meth_get_create(socket));
    BIO_meth_set_destroy(own, BIO_meth_get_destroy(socket));
    return own;
  }();
  return method;
}

}  // namespace

bool HasNoRoom(int error) {
  return error == -EAGAIN || error == -ENOBUFS || error == -ENOMEM;
}

BIO* TlsWire::NewBio() {
  BIO* const bio = BIO_new(Method());
  if (bio == nullptr) return nullptr;
  BIO_set_app_data(bio, this);
  BIO_set_fd(bio, socket, BIO_NOCLOSE);
  return bio;
}

}  // namespace tcptool::dataplane
