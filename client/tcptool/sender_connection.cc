#include "client/tcptool/sender_connection.h"

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
#include "dataplane/receiving/sender_socket.h"

namespace tcptool::client {
namespace {

using dataplane::UniqueFd;

absl::Status Lost(int error) {
  return absl::UnavailableError(std::generic_category().message(error));
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
  if (const int error = dataplane::TakePendingError(socket_.get()))
    return Lost(error);
  // From here on the sender has nothing to say but a reset. Probes would get
  // one from a system that has forgotten the connection.
  dataplane::StopWatchingSender(socket_.get());
  ended_at_ = Clock::now();
  return size_t{0};
}

absl::Status SenderConnection::Close() {
  if (const int error = dataplane::TakePendingError(socket_.get()))
    return Lost(error);
  dataplane::EndInOrderOnClose(socket_.get());
  const Clock::time_point now = Clock::now();
  if (shutdown(socket_.get(), SHUT_WR) != 0) return Lost(errno);
  const absl::Status status = WaitForAcknowledgement();
  return now - ended_at_ < dataplane::kClosedSocketsAreRemembered
             ? status
             : absl::OkStatus();
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
      return Lost(error);
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (closed || left.count() <= 0) return absl::OkStatus();
    epoll_wait(events.get(), &event, 1, static_cast<int>(left.count()));
  }
}

}  // namespace tcptool::client
