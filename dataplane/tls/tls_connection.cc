#include "dataplane/tls/tls_connection.h"

#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dataplane/tls/certificate_names.h"
#include "dataplane/tls/kernel_tls.h"
#include "dataplane/tls/tls_error.h"

namespace tcptool::dataplane {
namespace {

// What a client reads with one system call: several records.
constexpr size_t kReadAhead = size_t{128} << 10;

constexpr std::byte kHandshakeRecord{0x16};  // RFC 8446, section 5.1.

constexpr size_t kRecord = RecordQueue::kRecord;

uint64_t RecordsOf(uint64_t content) {
  return (content + kRecord - 1) / kRecord;
}

// False: it cannot be verified, or there is no memory.
bool VerifiesHost(SSL* ssl, const std::string& host) {
  // To OpenSSL, ".example" is each host below it, and "" is any.
  if (host.empty() || host.front() == '.') return false;
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1) return true;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                             X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return SSL_set1_host(ssl, host.c_str()) == 1 &&
         SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

TlsConnection::TlsConnection(SocketApi& sockets,
                             const std::shared_ptr<SSL_CTX>& context,
                             int socket, TlsRole role)
    : role_(role),
      wire_{.sockets = sockets, .socket = socket},
      ssl_(context == nullptr ? nullptr : SSL_new(context.get())) {
  ERR_clear_error();
  if (ssl_ == nullptr) return;
  BIO* const bio = wire_.NewBio();
  SSL_set_bio(ssl_, bio, bio);
  if (role == TlsRole::kClient) {
    SSL_set_connect_state(ssl_);
    // Of the buffer that it begins with, and then keeps.
    SSL_set_default_read_buffer_len(ssl_, kReadAhead);
    return;
  }
  SSL_set_accept_state(ssl_);
  // A FIN without close_notify is as good as one with it.
  SSL_set_options(ssl_, SSL_OP_IGNORE_UNEXPECTED_EOF);
  WatchForHellos(ssl_, wire_.hello);
  if ((SSL_get_options(ssl_) & SSL_OP_ENABLE_KTLS) != 0 &&
      !(HasKernelTls() && PrepareKernelTls(socket))) {
    SSL_clear_options(ssl_, SSL_OP_ENABLE_KTLS);
  }
}

// Says nothing to the peer.
TlsConnection::~TlsConnection() { SSL_free(ssl_); }

void TlsConnection::RequireCertificate() {
  if (ssl_ == nullptr) return;
  SSL_set_verify(ssl_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                 nullptr);
}

void TlsConnection::ExpectServer(const std::string& host) {
  if (ssl_ == nullptr) return;
  if (!VerifiesHost(ssl_, host)) {
    error_ =
        absl::StrCat("\"", host, "\" is no host that a certificate is for");
  }
  ERR_clear_error();
}

long TlsConnection::verification() const {
  return ssl_ == nullptr ? X509_V_OK : SSL_get_verify_result(ssl_);
}

bool TlsConnection::peer_has_ended() const {
  return wire_.peer_has_ended ||
         (ssl_ != nullptr &&
          (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0);
}

TlsConnection::Outcome TlsConnection::Handshake() {
  if (ssl_ == nullptr) {
    return Fail("there is no certificate to speak TLS with, or no memory");
  }
  if (!error_.empty()) return Outcome::kFailed;  // See ExpectServer().
  if (role_ == TlsRole::kServer && !has_first_byte_) {
    if (const Outcome first = CheckFirstByte(); first != Outcome::kDone) {
      return first;
    }
  }
  wire_.budget = kLeastBudget;
  BIO* const bio = SSL_get_wbio(ssl_);
  BIO_clear_retry_flags(bio);
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return OnHandshakeDone();
  // OpenSSL does not see that a flush is to be tried again which has come
  // through the buffer that it has in front of this during the handshake.
  if (BIO_should_write(bio)) {
    ERR_clear_error();
    return Outcome::kWaitsForRoom;
  }
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      if (role_ == TlsRole::kClient || wire_.input <= kMaxHandshake) {
        return Outcome::kWaitsForInput;
      }
      return Fail("the peer has sent 32 KiB, and its handshake is not done");
    default:
      break;
  }
  if (wire_.hello.exceeded()) {
    return Fail("the peer sends no ClientHello of at most 16 KiB");
  }
  // One whose certificate is not good may have left before it was told.
  const bool has_left = wire_.peer_has_ended || wire_.error < 0;
  if (has_left && verification() == X509_V_OK) {
    ERR_clear_error();
    return Outcome::kClosed;
  }
  return Fail(TakeTlsError(ssl_));
}

// Before OpenSSL, which would wait for the rest of a record that never comes.
TlsConnection::Outcome TlsConnection::CheckFirstByte() {
  std::byte first{};
  const ssize_t got = wire_.sockets.Peek(wire_.socket, {&first, 1});
  if (got == -EAGAIN) return Outcome::kWaitsForInput;
  if (got <= 0) return Outcome::kClosed;
  if (first != kHandshakeRecord) {
    return Fail(absl::StrFormat(
        "the first byte, 0x%02x, is not of TLS, which this port speaks: have "
        "the recipient use TLS (tcptool -r --tls, ncat --ssl, socat openssl:)",
        static_cast<unsigned>(first)));
  }
  has_first_byte_ = true;
  return Outcome::kDone;
}

TlsConnection::Outcome TlsConnection::OnHandshakeDone() {
  // What the handshake ends with may be on its way still.
  if (const int error = Flush(); error < 0) {
    return HasNoRoom(error) ? Outcome::kWaitsForRoom : Outcome::kClosed;
  }
  SSL_set_msg_callback(ssl_, nullptr);
  if (const X509* const peer = SSL_get0_peer_certificate(ssl_)) {
    names_ = CertificateNames(*peer);
  }
  if (role_ == TlsRole::kClient) {
    // Content comes: a buffer is worth keeping.
    SSL_clear_mode(ssl_, SSL_MODE_RELEASE_BUFFERS);
    SSL_set_read_ahead(ssl_, 1);
  }
  is_in_kernel_ = BIO_get_ktls_send(SSL_get_wbio(ssl_));
  if (is_in_kernel_ && KernelTlsRecords(wire_.socket) < 0) {
    return Fail(
        "the kernel encrypts, and does not tell how many records it has sent, "
        "so that nobody knows what is acknowledged: leave out "
        "--data-tls-kernel");
  }
  ready_ = wire_.is_ready = true;
  return Outcome::kDone;
}

TlsConnection::Outcome TlsConnection::Fail(std::string error) {
  ERR_clear_error();
  error_ = std::move(error);
  return Outcome::kFailed;
}

int TlsConnection::Accept(int listener, sockaddr_storage* peer,
                          socklen_t* size) {
  return wire_.sockets.Accept(listener, peer, size);
}

ssize_t TlsConnection::Receive(int /*socket*/, std::span<std::byte> buffer) {
  size_t total = std::min(peeked_size_, buffer.size());
  std::memcpy(buffer.data(), peeked_.data(), total);
  peeked_size_ -= total;
  std::memmove(peeked_.data(), peeked_.data() + total, peeked_size_);
  if (total == 0 && failure_ < 0) return failure_;
  wire_.budget = std::max(buffer.size(), kLeastBudget);
  while (total < buffer.size() && failure_ == 0) {
    ERR_clear_error();
    size_t count = 0;
    const int result =
        SSL_read_ex(ssl_, buffer.data() + total, buffer.size() - total, &count);
    if (result <= 0) {
      // What has come before is told first; a failure then stays.
      const int why = WhyNot(result, total);
      if (total == 0) return why;
      break;
    }
    total += count;
  }
  return static_cast<ssize_t>(total);
}

ssize_t TlsConnection::Peek(int socket, std::span<std::byte> buffer) {
  if (peeked_size_ == 0) {
    std::array<std::byte, kMaxPeek> shown;
    const ssize_t got = Receive(socket, shown);
    if (got <= 0) return got;
    peeked_ = shown;
    peeked_size_ = static_cast<size_t>(got);
  }
  const size_t size = std::min(peeked_size_, buffer.size());
  std::memcpy(buffer.data(), peeked_.data(), size);
  return static_cast<ssize_t>(size);
}

int TlsConnection::WhyNot(int result, size_t received) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      if (wire_.budget > 0 || received > 0) return -EAGAIN;
      error_ = "the peer sends records of TLS without content";
      break;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      if (wire_.error < 0) {
        ERR_clear_error();
        return failure_ = wire_.error;
      }
      error_ = wire_.new_keys_refused
                   ? "the peer asks for new keys, which the kernel cannot take "
                     "where it encrypts: leave out --data-tls-kernel"
                   : TakeTlsError(ssl_);
      if (wire_.peer_has_ended) {
        error_ =
            "the peer has ended the connection without TLS's end "
            "(close_notify): what has come may not be all";
      }
  }
  ERR_clear_error();
  return failure_ = -EPROTO;
}

int TlsConnection::WhyNotWritten(int result) {
  const int why = WhyNot(result);
  if (why < 0 && why != -EAGAIN) return why;
  // There is room for whatever is written: it is input that OpenSSL waits for.
  error_ = "the peer has begun a message of TLS, and has not ended it";
  ERR_clear_error();
  return failure_ = -EPROTO;
}

int TlsConnection::Encrypt(std::span<const std::byte> data) {
  ERR_clear_error();
  // Content is sent from here on: a buffer is worth keeping.
  if (content_ == 0) SSL_clear_mode(ssl_, SSL_MODE_RELEASE_BUFFERS);
  if (records_ >= kRecordsPerKey &&
      SSL_key_update(ssl_, SSL_KEY_UPDATE_NOT_REQUESTED) == 1) {
    records_ = 0;
  }
  const size_t before = wire_.queue.size();
  size_t written = 0;
  const int result = SSL_write_ex(ssl_, data.data(), data.size(), &written);
  if (result != 1) return WhyNotWritten(result);
  batch_ = held_ = data.size();
  batch_wire_ = wire_.queue.size() - before;
  content_ += data.size();
  records_ += RecordsOf(data.size());
  return 0;
}

ssize_t TlsConnection::Send(int /*socket*/, std::span<const std::byte> data) {
  if (is_in_kernel_) {
    if (const int error = CheckKernelKey(data.size()); error < 0) return error;
    const ssize_t sent = wire_.sockets.Send(wire_.socket, data);
    if (sent > 0) content_ += sent;
    return sent;
  }
  if (failure_ < 0) return failure_;
  size_t total = 0;
  int error = 0;
  while (total < data.size() && error == 0) {
    if (held_ == 0) {
      const size_t size =
          std::min(RecordQueue::kRecords * kRecord, data.size() - total);
      error = Encrypt(data.subspan(total, size));
      if (error < 0) break;
    }
    error = Flush();
    // Rounded up: not all of the batch counts as sent before all of it is.
    const size_t kept =
        (wire_.queue.size() * batch_ + batch_wire_ - 1) / batch_wire_;
    const size_t sent =
        std::min(held_ - std::min(held_, kept), data.size() - total);
    held_ -= sent;
    total += sent;
  }
  // The kernel says it once: the next call fails by it if this one does not.
  if (error < 0 && !HasNoRoom(error)) failure_ = error;
  return total > 0 ? static_cast<ssize_t>(total) : error;
}

ssize_t TlsConnection::SendFile(int /*socket*/, int file, uint64_t offset,
                                size_t size) {
  if (!is_in_kernel_) return -EOPNOTSUPP;
  if (const int error = CheckKernelKey(size); error < 0) return error;
  const ssize_t sent = wire_.sockets.SendFile(wire_.socket, file, offset, size);
  if (sent > 0) content_ += sent;
  return sent;
}

int TlsConnection::Flush() {
  if (const int error = wire_.queue.Flush(wire_.sockets, wire_.socket);
      error < 0) {
    return error;
  }
  if (!std::exchange(fin_is_due_, false)) return 0;
  return wire_.sockets.ShutdownWrite(wire_.socket);
}

int TlsConnection::ShutdownWrite(int /*socket*/) {
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_);  // 0: the peer's is still to come.
  if (result < 0) return WhyNotWritten(result);
  fin_is_due_ = has_ended_ = true;
  const int error = Flush();
  return HasNoRoom(error) ? 0 : error;
}

int TlsConnection::Unacknowledged(int /*socket*/) {
  const int error = Flush();
  return error == 0 || HasNoRoom(error) ? InFlight() : error;
}

int TlsConnection::InFlight() {
  const int unacknowledged = wire_.sockets.Unacknowledged(wire_.socket);
  if (unacknowledged < 0) return unacknowledged;
  if (is_in_kernel_) return InFlightInKernel(unacknowledged);
  return unacknowledged + static_cast<int>(wire_.queue.size()) +
         (fin_is_due_ ? 1 : 0);
}

int TlsConnection::TakeError(int /*socket*/) {
  const int error = wire_.sockets.TakeError(wire_.socket);
  return error < 0 ? error : failure_;
}

int TlsConnection::DropUrgent(int /*socket*/) {
  return wire_.sockets.DropUrgent(wire_.socket);
}

int TlsConnection::Info(int /*socket*/, TcpInfo* info) {
  if (const int error = wire_.sockets.Info(wire_.socket, info); error < 0) {
    return error;
  }
  const int in_flight = InFlight();
  if (in_flight < 0) return in_flight;
  // Each byte of content in flight is one on the wire at least.
  acked_ = std::max(acked_, content_ - std::min<uint64_t>(content_, in_flight));
  info->bytes_acked = acked_;
  const bool peer_has_ended =
      ready_ && (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
  if (peer_has_ended && info->state == TCP_ESTABLISHED) {
    info->state = TCP_CLOSE_WAIT;
  }
  return 0;
}

bool TlsConnection::StaysInHost(int /*socket*/) {
  return wire_.sockets.StaysInHost(wire_.socket);
}

}  // namespace tcptool::dataplane
