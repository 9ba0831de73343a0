#include "client/tcptool/sender_connection.h"

#include <openssl/x509_vfy.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <cstdint>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/sender_socket.h"

namespace tcptool::client {
namespace {

using dataplane::TlsConnection;
using dataplane::UniqueFd;

absl::Status SystemError(int error) {
  return absl::UnavailableError(std::generic_category().message(error));
}

// Of a handshake that failed, by what was found of the sender's certificate.
absl::StatusCode CodeOf(long verification) {
  switch (verification) {
    case X509_V_OK:
      return absl::StatusCode::kFailedPrecondition;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return absl::StatusCode::kNotFound;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return absl::StatusCode::kOutOfRange;
    case X509_V_ERR_INVALID_PURPOSE:
      return absl::StatusCode::kInvalidArgument;
    default:
      return absl::StatusCode::kUnauthenticated;
  }
}

}  // namespace

SenderConnection::SenderConnection(UniqueFd socket, absl::Duration dead_timeout)
    : socket_(std::move(socket)) {
  dataplane::ResetOnClose(socket_.get());
  dataplane::WatchSender(socket_.get(), dead_timeout);
}

std::string SenderConnection::PeerName() const {
  asio::ip::tcp::endpoint peer;
  auto size = static_cast<socklen_t>(peer.capacity());
  if (getpeername(socket_.get(), peer.data(), &size) != 0) return "the sender";
  peer.resize(size);
  std::ostringstream text;
  text << peer;
  return text.str();
}

absl::Status SenderConnection::StartTls(const std::shared_ptr<SSL_CTX>& context,
                                        const std::string& host,
                                        absl::Duration timeout) {
  tls_.emplace(dataplane::SocketApi::Real(), context, socket_.get(),
               dataplane::TlsRole::kClient);
  tls_->ExpectServer(host);
  const Clock::time_point deadline =
      Clock::now() + absl::ToChronoNanoseconds(timeout);
  for (;;) {
    short events = POLLIN;
    switch (tls_->Handshake()) {
      case TlsConnection::Outcome::kDone:
        sockets_ = &*tls_;
        return absl::OkStatus();
      case TlsConnection::Outcome::kWaitsForInput:
        break;
      case TlsConnection::Outcome::kWaitsForRoom:
        events = POLLOUT;
        break;
      case TlsConnection::Outcome::kClosed:
        return absl::UnavailableError("it has ended the connection");
      case TlsConnection::Outcome::kFailed:
        return {CodeOf(tls_->verification()), tls_->error()};
    }
    if (!WaitFor(events, absl::FromChrono(deadline - Clock::now()))) {
      return absl::DeadlineExceededError(absl::StrCat(
          "nothing came of it for ", absl::FormatDuration(timeout)));
    }
  }
}

absl::Status SenderConnection::SendByte(bool start) {
  const std::byte byte = start ? std::byte{1} : std::byte{0};
  const ssize_t sent = sockets_->Send(socket_.get(), std::span(&byte, 1));
  return sent == 1 ? absl::OkStatus() : Lost(sent);
}

absl::StatusOr<size_t> SenderConnection::Receive(std::span<std::byte> buffer,
                                                 absl::Duration stall_timeout) {
  const Clock::time_point since = Clock::now();
  for (;;) {
    const ssize_t got = sockets_->Receive(socket_.get(), buffer);
    if (got > 0) return static_cast<size_t>(got);
    if (got == 0) break;
    if (got != -EAGAIN) return Lost(got);
    // What comes without content, as TLS's new keys do, puts nothing off.
    const absl::Duration left =
        stall_timeout - absl::FromChrono(Clock::now() - since);
    if (left <= absl::ZeroDuration() || !WaitFor(POLLIN, left)) {
      return absl::DeadlineExceededError(absl::FormatDuration(stall_timeout));
    }
  }
  // A reset right behind the end is in the socket's error alone (recv(2) goes
  // on to answer 0).
  if (const int error = dataplane::TakePendingError(socket_.get()))
    return SystemError(error);
  // From here on the sender has nothing to say but a reset. Probes would get
  // one from a system that has forgotten the connection.
  dataplane::StopWatchingSender(socket_.get());
  ended_at_ = Clock::now();
  return size_t{0};
}

absl::Status SenderConnection::Close() {
  if (const int error = dataplane::TakePendingError(socket_.get()))
    return SystemError(error);
  dataplane::EndInOrderOnClose(socket_.get());
  const Clock::time_point now = Clock::now();
  // TCP's end alone, in TLS too: a sender that has closed its socket already,
  // as others than ours do, would answer a close_notify with a reset, which
  // could not be told from that of one that does not count on this recipient.
  if (shutdown(socket_.get(), SHUT_WR) != 0) return SystemError(errno);
  const absl::Status status = WaitForAcknowledgement();
  return now - ended_at_ < dataplane::kClosedSocketsAreRemembered
             ? status
             : absl::OkStatus();
}

absl::Status SenderConnection::Lost(ssize_t error) const {
  if (error == -EPROTO && tls_) {
    return {tls_->peer_has_ended() ? absl::StatusCode::kPermissionDenied
                                   : absl::StatusCode::kDataLoss,
            tls_->error()};
  }
  return SystemError(static_cast<int>(-error));
}

bool SenderConnection::WaitFor(short events, absl::Duration timeout) const {
  // poll(2) takes milliseconds, and none for "without end".
  const int milliseconds = timeout == absl::InfiniteDuration()
                               ? -1
                               : static_cast<int>(std::clamp<int64_t>(
                                     absl::ToInt64Milliseconds(absl::Ceil(
                                         timeout, absl::Milliseconds(1))),
                                     0, 1 << 30));
  pollfd polled = {socket_.get(), events, 0};
  return poll(&polled, 1, milliseconds) != 0;
}

absl::Status SenderConnection::WaitForAcknowledgement() {
  const Clock::time_point deadline =
      Clock::now() + dataplane::kAcknowledgementTimeout;
  // Edge-triggered: poll(2) reports a socket whose both sides have ended at
  // once and for ever; the change of state that is waited for is an edge.
  const UniqueFd events(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event = {.events = EPOLLET, .data = {}};
  if (!events.valid() ||
      epoll_ctl(events.get(), EPOLL_CTL_ADD, socket_.get(), &event) != 0) {
    return absl::OkStatus();
  }
  for (;;) {
    // The state first: an error that comes between the two is not missed.
    const bool closed = dataplane::IsClosed(socket_.get());
    if (const int error = dataplane::TakePendingError(socket_.get()))
      return SystemError(error);
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (closed || left.count() <= 0) return absl::OkStatus();
    epoll_wait(events.get(), &event, 1, static_cast<int>(left.count()));
  }
}

}  // namespace tcptool::client
