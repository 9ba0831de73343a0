#include "server/http/http_stream.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "dataplane/tls/certificate_names.h"

namespace tcptool::server {
namespace {

using asio::ip::tcp;

constexpr size_t kReadBytes = 16 << 10;
// The first byte of a ClientHello (RFC 8446, 5.1), and of no request.
constexpr char kHandshake = 0x16;

// A client that is gone without a word is found, though nothing is sent to it.
constexpr int kKeepaliveIdleSeconds = 20;
constexpr int kKeepaliveIntervalSeconds = 10;
constexpr int kKeepaliveProbes = 3;
// And one that goes with something on its way to it, which the kernel would try
// to send for a quarter of an hour, without asking.
constexpr int kUnacknowledgedMs = 50'000;

void Set(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof(value));
}

void Prepare(tcp::socket& socket) {
  std::error_code ignored;
  socket.native_non_blocking(true, ignored);
  const int fd = socket.native_handle();
  Set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  Set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  Set(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  Set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledgedMs);
}

// As gRPC writes addresses.
std::string AddressOf(const tcp::socket& socket) {
  std::error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return "unknown";
  asio::ip::address address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  if (address.is_v4()) {
    return absl::StrCat("ipv4:", address.to_string(), ":", peer.port());
  }
  asio::ip::address_v6 v6 = address.to_v6();
  v6.scope_id(0);
  return absl::StrCat("ipv6:[", v6.to_string(), "]:", peer.port());
}

std::error_code ErrorOf(ClientStream::Result result) {
  if (result == ClientStream::Result::kEnd) return asio::error::eof;
  return asio::error::connection_reset;
}

bool IsBlocked(ClientStream::Result result) {
  return result == ClientStream::Result::kWaitsForInput ||
         result == ClientStream::Result::kWaitsForRoom;
}

}  // namespace

HttpStream::HttpStream(tcp::socket socket, const TlsContext* tls)
    : socket_(std::move(socket)), tls_(tls) {
  Prepare(socket_);
}

void HttpStream::Open(Done done) {
  if (tls_ == nullptr) {
    stream_ = std::make_unique<ClientStream>(socket_.native_handle(), nullptr);
    return asio::post(socket_.get_executor(),
                      [self = shared_from_this(), done = std::move(done)] {
                        if (!self->closed_) done({});
                      });
  }
  socket_.async_wait(
      tcp::socket::wait_read, [self = shared_from_this(),
                               done = std::move(done)](std::error_code error) {
        if (self->closed_) return;
        char first = 0;
        const int fd = self->socket_.native_handle();
        const ssize_t count = error ? -1 : recv(fd, &first, 1, MSG_PEEK);
        if (count < 0 && errno == EAGAIN) return self->Open(done);
        if (count <= 0) return done(asio::error::eof);
        if (first == kHandshake) self->tls_context_ = self->tls_->Current();
        self->stream_ = std::make_unique<ClientStream>(
            fd, self->tls_context_.get(), TlsProtocol::kHttp1);
        done({});
      });
}

Peer HttpStream::peer() const {
  Peer peer;
  peer.address = AddressOf(socket_);
  if (stream_ == nullptr) return peer;
  if (const auto certificate = stream_->certificate(); certificate != nullptr) {
    peer.has_certificate = true;
    peer.certificate_names = dataplane::CertificateNames(*certificate);
  }
  return peer;
}

void HttpStream::Read(Done done) { TryRead(++read_id_, done); }

void HttpStream::WaitForLoss(const std::function<void()>& lost) {
  socket_.async_wait(
      tcp::socket::wait_error,
      asio::bind_cancellation_slot(stop_waiting_.slot(),
                                   [self = shared_from_this(), id = ++read_id_,
                                    lost](std::error_code /*error*/) {
                                     if (!self->closed_ && id == self->read_id_)
                                       lost();
                                   }));
}

void HttpStream::StopReading() {
  ++read_id_;
  // Or one would be left behind by each call of a connection.
  stop_waiting_.emit(asio::cancellation_type::all);
}

void HttpStream::TryRead(int id, const Done& done) {
  std::array<char, kReadBytes> chunk;
  const ClientStream::Moved moved = stream_->Read(absl::MakeSpan(chunk));
  const auto call = [self = shared_from_this(), id,
                     done](std::error_code error) {
    if (!self->closed_ && id == self->read_id_) done(error);
  };
  if (IsBlocked(moved.result)) {
    return WaitFor(
        moved.result,
        [self = shared_from_this(), id, done] {
          if (id == self->read_id_) self->TryRead(id, done);
        },
        call);
  }
  std::error_code error;
  if (moved.result == ClientStream::Result::kDone) {
    input_.append(chunk.data(), moved.bytes);
  } else {
    error = ErrorOf(moved.result);
  }
  asio::post(socket_.get_executor(), [call, error] { call(error); });
}

void HttpStream::Write(
    absl::string_view bytes,
    const std::function<void(std::error_code, size_t)>& done) {
  const ClientStream::Moved moved = stream_->Write(bytes);
  if (IsBlocked(moved.result)) {
    return WaitFor(
        moved.result,
        [self = shared_from_this(), bytes, done] { self->Write(bytes, done); },
        [done](std::error_code error) { done(error, 0); });
  }
  const std::error_code error = moved.result == ClientStream::Result::kDone
                                    ? std::error_code()
                                    : ErrorOf(moved.result);
  asio::post(socket_.get_executor(),
             [self = shared_from_this(), done, error, count = moved.bytes] {
               if (!self->closed_) done(error, count);
             });
}

void HttpStream::WaitFor(ClientStream::Result result, Wait retry, Done failed) {
  socket_.async_wait(result == ClientStream::Result::kWaitsForInput
                         ? tcp::socket::wait_read
                         : tcp::socket::wait_write,
                     [self = shared_from_this(), retry = std::move(retry),
                      failed = std::move(failed)](std::error_code error) {
                       if (self->closed_) return;
                       if (error) return failed(error);
                       retry();
                     });
}

void HttpStream::EndOutput() {
  if (stream_ != nullptr) stream_->SayEnd();
  std::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

void HttpStream::Close() {
  if (closed_) return;
  closed_ = true;
  stream_ = nullptr;
  std::error_code ignored;
  socket_.close(ignored);
}

void HttpStream::Reset() {
  std::error_code ignored;
  if (!closed_) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  Close();
}

}  // namespace tcptool::server
