#include "server/front/client_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tcptool::server {
namespace {

constexpr absl::string_view kHttp2 = "h2";

// Several records, of 16 KiB each.
constexpr size_t kReadAheadBytes = 128 << 10;

// What one operation may read at least. More than a record of TLS has, of 16
// KiB of content: whoever sends content has some of it within this.
constexpr size_t kLeastBudget = 20 << 10;

// Of a handshake, in bytes: more than a ClientHello and a chain of certificates
// have. OpenSSL keeps them to the end of the handshake.
constexpr uint64_t kMaxHandshake = 32 << 10;

bool AsksForHttp2(const SSL* ssl) {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  return absl::string_view(reinterpret_cast<const char*>(name), size) == kHttp2;
}

}  // namespace

ClientStream::ClientStream(int fd, SSL_CTX* tls, TlsProtocol protocol)
    : fd_(fd),
      protocol_(protocol),
      ssl_(tls == nullptr ? nullptr : NewServer(fd, intake_, tls)),
      ready_(tls == nullptr) {}

ClientStream::~ClientStream() { SSL_free(ssl_); }

std::unique_ptr<X509, void (*)(X509*)> ClientStream::certificate() const {
  return {ssl_ == nullptr ? nullptr : SSL_get1_peer_certificate(ssl_),
          &X509_free};
}

void ClientStream::ExpectMuch() {
  if (ssl_ == nullptr) return;
  SSL_set_read_ahead(ssl_, 1);
  SSL_set_default_read_buffer_len(ssl_, kReadAheadBytes);
}

ClientStream::Moved ClientStream::Read(absl::Span<char> into) {
  if (ssl_ == nullptr) {
    const ssize_t count = recv(fd_, into.data(), into.size(), 0);
    if (count == 0) return {Result::kEnd};
    if (count < 0) return WhyErrno(Result::kWaitsForInput);
    return {Result::kDone, static_cast<size_t>(count)};
  }
  intake_.budget = std::max(into.size(), kLeastBudget);
  if (!ready_) {
    if (const Moved moved = Handshake(); moved.result != Result::kDone) {
      return moved;
    }
    intake_.budget = std::max(into.size(), kLeastBudget);
  }
  // A record has 16 KiB at most.
  size_t total = 0;
  while (total < into.size()) {
    ERR_clear_error();
    size_t count = 0;
    const int result =
        SSL_read_ex(ssl_, into.data() + total, into.size() - total, &count);
    if (result <= 0) {
      if (total > 0) break;
      if (intake_.budget == 0) {
        error_ = "the client sends records of TLS without content";
        return {Result::kLost};
      }
      return Why(result);
    }
    total += count;
  }
  return {Result::kDone, total};
}

ClientStream::Moved ClientStream::Write(absl::string_view bytes) {
  if (ssl_ == nullptr) {
    const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) return WhyErrno(Result::kWaitsForRoom);
    return {Result::kDone, static_cast<size_t>(count)};
  }
  intake_.budget = kLeastBudget;
  if (!ready_) {
    if (const Moved moved = Handshake(); moved.result != Result::kDone) {
      return moved;
    }
  }
  size_t total = 0;
  while (total < bytes.size()) {
    ERR_clear_error();
    size_t count = 0;
    const absl::string_view rest = bytes.substr(total);
    const int result = SSL_write_ex(ssl_, rest.data(), rest.size(), &count);
    if (result <= 0) {
      if (total > 0) break;
      return Why(result);
    }
    total += count;
  }
  return {Result::kDone, total};
}

void ClientStream::SayEnd() {
  if (ssl_ == nullptr || !ready_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

ClientStream::Moved ClientStream::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result <= 0) {
    const Moved why = Why(result);
    if (intake_.hello.exceeded()) {
      error_ = "the client sends no ClientHello of at most 16 KiB";
      return {Result::kLost};
    }
    if (why.result != Result::kWaitsForInput ||
        BIO_number_read(SSL_get_rbio(ssl_)) <= kMaxHandshake) {
      return why;
    }
    error_ = "the client has sent 32 KiB, and its handshake is not done";
    return {Result::kLost};
  }
  if (protocol_ == TlsProtocol::kHttp2 && !AsksForHttp2(ssl_)) {
    error_ = "the client does not ask for HTTP/2 (ALPN)";
    return {Result::kLost};
  }
  SSL_set_msg_callback(ssl_, nullptr);
  ready_ = true;
  return {Result::kDone};
}

ClientStream::Moved ClientStream::Why(int result) {
  const int error = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return {Result::kWaitsForInput};
    case SSL_ERROR_WANT_WRITE:
      return {Result::kWaitsForRoom};
    case SSL_ERROR_ZERO_RETURN:
      return {Result::kEnd};
    case SSL_ERROR_SYSCALL:
      if (!ready_) return {Result::kEnd};
      error_ = std::strerror(error);
      break;
    default:
      const unsigned long last = ERR_peek_last_error();
      if (!ready_ &&
          ERR_GET_REASON(last) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        return {Result::kEnd};
      }
      const char* const reason = ERR_reason_error_string(last);
      error_ = reason == nullptr ? "TLS failed" : reason;
  }
  ERR_clear_error();
  return {Result::kLost};
}

ClientStream::Moved ClientStream::WhyErrno(Result blocked) {
  if (errno == EAGAIN || errno == EINTR) return {blocked};
  error_ = std::strerror(errno);
  return {Result::kLost};
}

}  // namespace tcptool::server
