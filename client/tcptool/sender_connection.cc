#include "client/tcptool/sender_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <cstdint>
#include <sstream>
#include <system_error>

#include "dataplane/lanes/socket_api.h"

namespace tcptool::client {
namespace {

using dataplane::UniqueFd;

constexpr std::chrono::seconds kAcknowledgementTimeout{10};

// How long the kernel of a sender that has closed its socket remembers the
// connection (tcp(7), tcp_fin_timeout). Senders of 2008 close after their last
// byte; their kernel answers anything that comes after this time with a reset,
// which then means nothing.
constexpr std::chrono::seconds kClosedSocketsAreRemembered{55};

absl::Status Lost(int error) {
  return absl::UnavailableError(std::generic_category().message(error));
}

template <typename Value>
void Set(int socket, int level, int option, const Value& value) {
  setsockopt(socket, level, option, &value, sizeof value);
}

// Keepalive: half of the time-out in silence, then three probes.
void EnableKeepalive(int socket, absl::Duration dead_timeout) {
  const int seconds = static_cast<int>(
      std::clamp<int64_t>(absl::ToInt64Seconds(dead_timeout), 4, 30'000));
  Set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds / 2);
  Set(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 6));
  Set(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

int PendingError(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    return errno;
  }
  // The kernel reports a reset that comes after the peer's FIN as EPIPE.
  return error == EPIPE ? ECONNRESET : error;
}

bool IsClosed(int socket) {
  tcp_info info = {};
  socklen_t size = sizeof info;
  return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
         info.tcpi_state == TCP_CLOSE;
}

}  // namespace

SenderConnection::SenderConnection(UniqueFd socket, absl::Duration dead_timeout)
    : socket_(std::move(socket)) {
  dataplane::ResetOnClose(socket_.get());
  EnableKeepalive(socket_.get(), dead_timeout);
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

absl::Status SenderConnection::SendByte(bool start) {
  const char byte = start ? 1 : 0;
  if (send(socket_.get(), &byte, 1, MSG_NOSIGNAL) == 1) return absl::OkStatus();
  return Lost(errno);
}

absl::StatusOr<size_t> SenderConnection::Receive(std::span<std::byte> buffer,
                                                 absl::Duration stall_timeout) {
  // poll(2) takes milliseconds, and none for "without end".
  const int timeout =
      stall_timeout == absl::InfiniteDuration()
          ? -1
          : static_cast<int>(std::clamp<int64_t>(
                absl::ToInt64Milliseconds(stall_timeout), 1, 1 << 30));
  for (;;) {
    const ssize_t got =
        recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) return static_cast<size_t>(got);
    if (got == 0) break;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Lost(errno);
    pollfd polled = {socket_.get(), POLLIN, 0};
    if (poll(&polled, 1, timeout) == 0) {
      return absl::DeadlineExceededError(absl::FormatDuration(stall_timeout));
    }
  }
  // A reset right behind the end is in the socket's error alone (recv(2) goes
  // on to answer 0).
  if (const int error = PendingError(socket_.get())) return Lost(error);
  // From here on the sender has nothing to say but a reset. Probes would get
  // one from a system that has forgotten the connection.
  Set(socket_.get(), SOL_SOCKET, SO_KEEPALIVE, 0);
  ended_at_ = Clock::now();
  return size_t{0};
}

absl::Status SenderConnection::Close() {
  if (const int error = PendingError(socket_.get())) return Lost(error);
  Set(socket_.get(), SOL_SOCKET, SO_LINGER, linger{0, 0});
  const Clock::time_point now = Clock::now();
  if (shutdown(socket_.get(), SHUT_WR) != 0) return Lost(errno);
  const absl::Status status = WaitForAcknowledgement();
  return now - ended_at_ < kClosedSocketsAreRemembered ? status
                                                       : absl::OkStatus();
}

absl::Status SenderConnection::WaitForAcknowledgement() {
  const Clock::time_point deadline = Clock::now() + kAcknowledgementTimeout;
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
    const bool closed = IsClosed(socket_.get());
    if (const int error = PendingError(socket_.get())) return Lost(error);
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (closed || left.count() <= 0) return absl::OkStatus();
    epoll_wait(events.get(), &event, 1, static_cast<int>(left.count()));
  }
}

}  // namespace tcptool::client
