#include "dataplane/sending/recipient.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/sending/handshake.h"
#include "dataplane/sending/send_method.h"

namespace tcptool::dataplane {
namespace {

// A host that has left packets unanswered for so long has vanished. Well above
// what a congested path or a rebooting switch takes.
constexpr uint32_t kVanishedMs = 15'000;

// How long an answer may take on the slowest path.
constexpr auto kAnswerTime = std::chrono::seconds(2);

void SetOption(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof value);
}

// Finds a host that vanishes while its recipient waits for the start: in 60 s.
void EnableKeepalive(int socket) {
  SetOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

// The kernel paces the connection (socket(7)); 32 bits are 4 GB/s, beyond which
// there is no limit worth the name.
void Pace(int socket, uint64_t bytes_per_second) {
  const uint32_t rate =
      static_cast<uint32_t>(std::min<uint64_t>(bytes_per_second, ~0u));
  setsockopt(socket, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate);
}

std::string Describe(int error) {
  return std::generic_category().message(-error);
}

}  // namespace

Recipient::Recipient(Lane& lane, const Limits& limits, Owner& owner,
                     UniqueFd socket, RecipientStatus status)
    : sockets_(lane.sockets()),
      limits_(limits),
      owner_(owner),
      socket_(lane.io()),
      status_(std::move(status)) {
  const auto protocol = status_.peer.address().is_v6() ? asio::ip::tcp::v6()
                                                       : asio::ip::tcp::v4();
  std::error_code error;
  socket_.assign(protocol, socket.get(), error);
  if (error) {
    ResetAndClose(socket.release());
  } else {
    socket.release();
  }
}

void Recipient::Open(Clock::time_point now) {
  opened_ = now;
  if (!socket_.is_open()) {
    return Close(RecipientState::kRejected, Reason::kCapacity,
                 "the service could not watch one more connection");
  }
  EnableKeepalive(socket_.native_handle());
  OnHandshake();  // The byte often comes with the connection.
}

void Recipient::WaitForHandshake() {
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this()](std::error_code error) {
                       if (error || self->closed()) return;
                       self->OnHandshake();
                     });
}

void Recipient::OnHandshake() {
  const Handshake handshake = PeekHandshake(sockets_, socket_.native_handle());
  switch (handshake.outcome) {
    case Handshake::Outcome::kPending:
      return WaitForHandshake();
    case Handshake::Outcome::kClosed:
      return Close(RecipientState::kFailed, Reason::kHandshakeClosed,
                   handshake.error == 0
                       ? "the recipient closed before it sent its byte"
                       : Describe(handshake.error));
    case Handshake::Outcome::kReady:
      status_.start_byte = handshake.start_byte;
      status_.handshake_time = absl::FromChrono(Clock::now() - opened_);
      status_.state = RecipientState::kReady;
      owner_.Changed(*this);
      return WaitForLoss();
  }
}

void Recipient::WaitForLoss() {
  // Fires on a reset or a dead host, not on a half-close. Urgent data fires it
  // too; it is not watched again then, lest a peer keep the lane busy: sending
  // finds a loss as well.
  socket_.async_wait(asio::socket_base::wait_error,
                     [self = shared_from_this()](std::error_code error) {
                       if (error || self->closed()) return;
                       const int loss =
                           self->sockets_.Error(self->socket_.native_handle());
                       if (loss < 0) self->Lost(loss);
                     });
}

void Recipient::Begin(Clock::time_point now) {
  const int socket = socket_.native_handle();
  method_ = ChooseSendMethod(sockets_, socket);
  // Full segments only; the end of the stream sends the rest (tcp(7)).
  SetOption(socket, IPPROTO_TCP, TCP_CORK, 1);
  if (const uint64_t rate = limits_.recipient_bytes_per_second; rate > 0) {
    Pace(socket, rate);
  }
  last_progress_ = last_measure_ = now;
  status_.state = RecipientState::kTransferring;
  status_.start_time = absl::Now();
  owner_.Changed(*this);
}

Recipient::Sent Recipient::Send(Feed& feed, size_t limit,
                                Clock::time_point now) {
  Piece piece = feed.At(position(), method_);
  ssize_t sent = 0;
  size_t wanted = 0;
  if (piece.kind == Piece::Kind::kFile) {
    wanted = std::min(limit, piece.size);
    sent = sockets_.SendFile(socket_.native_handle(), piece.file, piece.offset,
                             wanted);
    if (sent == 0 || sent == -EIO) {
      // The file ends here: reading it says how.
      piece = feed.At(position(), SendMethod::kCopy);
    }
  }
  switch (piece.kind) {
    case Piece::Kind::kWait:
      return {.wait = Wait::kContent};
    case Piece::Kind::kEnd:
      FinishSending(now);
      return {};
    case Piece::Kind::kError:
      return {.source_error = feed.error()};
    case Piece::Kind::kData:
      wanted = std::min(limit, piece.data.size());
      sent = sockets_.Send(socket_.native_handle(), piece.data.first(wanted));
      break;
    case Piece::Kind::kFile:
      break;
  }
  if (sent < 0 && sent != -EAGAIN && sent != -ENOBUFS && sent != -ENOMEM) {
    Lost(static_cast<int>(sent));
    return {};
  }
  if (sent < 0) {
    if (sent != -EAGAIN) return {.wait = Wait::kMemory};
    WaitForRoom();
    return {.wait = Wait::kRoom};
  }
  status_.bytes_sent += sent;
  // A short write means that the socket is full.
  const bool full = static_cast<size_t>(sent) < wanted;
  if (full) WaitForRoom();
  return {.bytes = static_cast<size_t>(sent),
          .wait = full ? Wait::kRoom : Wait::kNothing};
}

void Recipient::WaitForRoom() {
  socket_.async_wait(asio::socket_base::wait_write,
                     [self = shared_from_this()](std::error_code error) {
                       if (error || self->closed()) return;
                       self->owner_.HasRoom(self);
                     });
}

void Recipient::FinishSending(Clock::time_point now) {
  status_.state = RecipientState::kConfirming;
  owner_.Changed(*this);
  const auto timeout = absl::ToChronoNanoseconds(limits_.confirm_timeout);
  delivery_.emplace(sockets_, socket_.native_handle(), timeout);
  Handle(delivery_->Begin(now));
  if (!closed() && !delivery_->peer_closed()) WaitForClose();
}

void Recipient::WaitForClose() {
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this()](std::error_code error) {
                       if (error || self->closed()) return;
                       self->Handle(self->delivery_->Check(Clock::now()));
                       if (!self->closed() && !self->delivery_->peer_closed()) {
                         self->WaitForClose();
                       }
                     });
}

void Recipient::Handle(Delivery::Outcome outcome) {
  switch (outcome) {
    case Delivery::Outcome::kPending:
      return;
    case Delivery::Outcome::kDelivered:
      return Close(RecipientState::kDelivered, Reason::kNone, "");
    case Delivery::Outcome::kLost:
      return Lost(delivery_->error());
    case Delivery::Outcome::kUnconfirmed:
      return Close(RecipientState::kFailed, Reason::kUnconfirmed,
                   delivery_->unacknowledged() > 0
                       ? absl::StrCat("all content was sent, but the last ",
                                      delivery_->unacknowledged(),
                                      " bytes were not acknowledged")
                       : "all content was acknowledged, but the recipient did "
                         "not close its connection");
  }
}

void Recipient::Tick(Clock::time_point now) {
  switch (status_.state) {
    case RecipientState::kHandshaking:
      if (now - opened_ >=
          absl::ToChronoNanoseconds(limits_.handshake_timeout)) {
        Close(RecipientState::kFailed, Reason::kHandshakeTimeout,
              absl::StrCat("no byte came within ",
                           absl::FormatDuration(limits_.handshake_timeout)));
      }
      return;
    case RecipientState::kTransferring:
      return CheckStall(now);
    case RecipientState::kConfirming:
      return Handle(delivery_->Check(now));
    default:
      return;
  }
}

void Recipient::Measure(Clock::time_point now) {
  const uint64_t before = status_.bytes_acked;
  const std::optional<TcpInfo> info = ReadProgress(now);
  if (status_.bytes_acked != before) owner_.Changed(*this);
  if (info) CheckVanished(*info, now);
}

std::optional<TcpInfo> Recipient::ReadProgress(Clock::time_point now) {
  TcpInfo info;
  if (sockets_.Info(socket_.native_handle(), &info) < 0) return {};
  const uint64_t before = status_.bytes_acked;
  // TCP counts the end of the stream as a byte.
  status_.bytes_acked =
      std::max(before, std::min(info.bytes_acked, status_.bytes_sent));
  status_.rtt = absl::Microseconds(info.rtt_us);
  status_.retransmits = info.total_retransmits;
  const double seconds =
      std::chrono::duration<double>(now - last_measure_).count();
  if (seconds > 0) {
    const double rate = (status_.bytes_acked - before) / seconds;
    // Smoothed over a few measurements, for people to read.
    status_.bytes_per_second = static_cast<uint64_t>(
        status_.bytes_per_second == 0 ? rate
                                      : (status_.bytes_per_second + rate) / 2);
  }
  last_measure_ = now;
  if (status_.bytes_acked > before ||
      status_.bytes_acked == status_.bytes_sent) {
    last_progress_ = now;
  }
  return info;
}

void Recipient::CheckVanished(const TcpInfo& info, Clock::time_point now) {
  if (info.unanswered == 0 || info.last_ack_ms < kVanishedMs) {
    silent_since_.reset();
    return;
  }
  // A peer that is there and does not read is probed more and more seldom: a
  // probe that is on its way is no sign that nobody answers.
  if (!silent_since_) silent_since_ = now;
  if (now - *silent_since_ < kAnswerTime) return;
  Close(RecipientState::kFailed, Reason::kConnectionLost,
        absl::StrCat("the host has not answered for ", info.last_ack_ms / 1000,
                     " s"));
}

void Recipient::CheckStall(Clock::time_point now) {
  const absl::Duration timeout = limits_.stall_timeout;
  if (now - last_progress_ >= absl::ToChronoNanoseconds(timeout)) {
    // Measured now: what was acknowledged since the last time counts.
    Measure(now);
    if (closed() || last_progress_ == now) return;
    return Close(RecipientState::kFailed, Reason::kStalled,
                 absl::StrCat("acknowledged nothing for ",
                              absl::FormatDuration(timeout)));
  }
}

void Recipient::Lost(int error) {
  Close(RecipientState::kFailed, Reason::kConnectionLost, Describe(error));
}

void Recipient::Close(RecipientState state, Reason reason, std::string detail) {
  if (status_.state == RecipientState::kTransferring ||
      status_.state == RecipientState::kConfirming) {
    ReadProgress(Clock::now());
  }
  status_.state = state;
  status_.reason = reason;
  status_.detail = std::move(detail);
  status_.end_time = absl::Now();
  if (state == RecipientState::kDelivered) {
    status_.bytes_acked = status_.bytes_sent;
  } else if (socket_.is_open()) {
    ResetOnClose(socket_.native_handle());
  }
  if (status_.start_time != absl::InfinitePast()) {
    const double seconds =
        absl::ToDoubleSeconds(status_.end_time - status_.start_time);
    status_.bytes_per_second =
        seconds > 0 ? static_cast<uint64_t>(status_.bytes_acked / seconds) : 0;
  }
  std::error_code ignored;
  socket_.close(ignored);
  owner_.Changed(*this);
}

}  // namespace tcptool::dataplane
