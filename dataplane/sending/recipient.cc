#include "dataplane/sending/recipient.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/sending/send_method.h"
#include "dataplane/sending/socket_options.h"

namespace tcptool::dataplane {
namespace {

// A peer that TCP has heard of within this time is taken to be there.
constexpr uint32_t kHeardMs = 1000;

// How long a peer may take to answer a probe, which allows for one lost probe
// and a round trip of two seconds; and how often the answer is looked for.
constexpr auto kProbeTime = std::chrono::seconds(3);
constexpr auto kProbeCheck = std::chrono::milliseconds(20);

// Limits of the unsent bytes in the kernel: low at first, so that hundreds of
// recipients that read nothing do not use up the memory that all TCP sockets of
// the host share (net.ipv4.tcp_mem). A recipient that has been sent kProof
// gets the higher limit: it must be reading, as this exceeds its window, unless
// its program has set a large one (SO_RCVBUF).
struct MaxUnsent {
  size_t unproven;
  size_t proven;
};
constexpr uint64_t kProof = uint64_t{2} << 20;

// send(2) copies: bytes that wait long in the kernel have left the processor's
// cache by the time they are sent, so few of them are let wait.
constexpr MaxUnsent kCopied = {.unproven = size_t{128} << 10,
                               .proven = size_t{1} << 20};
// sendfile(2) queues references to pages, so more may wait. With a low limit,
// each call queues little and each acknowledgement wakes the lane: that cost
// half as much processor time again. These limits take effect only where
// segments are large, as on loopback: with Ethernet's, the kernel's own send
// buffer is smaller (net.ipv4.tcp_wmem).
constexpr MaxUnsent kQueued = {.unproven = size_t{1} << 20,
                               .proven = size_t{4} << 20};

const MaxUnsent& MaxUnsentOf(Piece::Kind kind) {
  return kind == Piece::Kind::kFile ? kQueued : kCopied;
}

std::string DescribeUnconfirmed(const Delivery& delivery) {
  if (delivery.ended()) {
    return "all content was acknowledged, but the recipient did not close its "
           "connection";
  }
  if (delivery.acknowledged()) {
    return "all content was acknowledged, but the recipient does not stop "
           "sending, and may have ended its side behind that";
  }
  return absl::StrCat("all content was sent, but the last ",
                      delivery.unacknowledged(),
                      " bytes were not acknowledged");
}

}  // namespace

Recipient::Recipient(Lane& lane, const Limits& limits, Owner& owner,
                     UniqueFd socket, RecipientStatus status,
                     std::unique_ptr<TlsConnection> tls,
                     const SessionTls* rules)
    : tls_(std::move(tls)),
      rules_(rules),
      sockets_(tls_ == nullptr ? lane.sockets() : *tls_),
      limits_(limits),
      owner_(owner),
      rate_(limits.recipient_bytes_per_second),
      socket_(lane.io()),
      status_(std::move(status)),
      timer_(lane.io()) {
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
  EnableKeepalive(socket_.native_handle(), limits_.dead_timeout);
  SetTimer(Later(now, absl::ToChronoNanoseconds(limits_.handshake_timeout)),
           &Recipient::OnHandshakeTimeout);
  if (tls_ != nullptr && tls_->ready()) OnTlsDone();
  OnHandshake();  // The byte often comes with the connection.
}

void Recipient::SetTimer(Clock::time_point when, void (Recipient::*then)()) {
  timer_.expires_at(when);
  timer_.async_wait([self = shared_from_this(), then](std::error_code error) {
    // The handler of a timer that has expired is queued, and cannot be
    // cancelled.
    if (error || self->closed() || self->timer_.expiry() > Clock::now()) return;
    ((*self).*then)();
  });
}

void Recipient::WaitForLoss() {
  // Completes on a reset or a lost host, when both sides have ended, and on
  // urgent data, but not on a half-close.
  socket_.async_wait(asio::socket_base::wait_error,
                     [self = shared_from_this()](std::error_code error) {
                       if (error || self->closed()) return;
                       self->OnLoss();
                     });
}

void Recipient::OnLoss() {
  if (delivery_) {
    CheckDelivery();
    if (closed() || delivery_->ended()) return;  // WaitForInput() sees it.
  } else if (const int loss = sockets_.TakeError(socket_.native_handle());
             loss < 0) {
    return Lost(loss);
  }
  // Urgent data that is left unread would complete the next wait at once. It
  // may be gone already, or superseded by a byte that is only announced
  // (EAGAIN), which completes the next wait when it comes.
  sockets_.DropUrgent(socket_.native_handle());
  WaitForLoss();
}

void Recipient::Probe(Clock::time_point now) {
  TcpInfo info;
  const int socket = socket_.native_handle();
  if (sockets_.Info(socket, &info) < 0 || info.last_ack_ms < kHeardMs) return;
  probed_at_ = now;
  ProbeNow(socket);
  SetTimer(now + kProbeCheck, &Recipient::CheckProbe);
}

void Recipient::CheckProbe() {
  if (!is_probed()) return;
  const Clock::time_point now = Clock::now();
  const auto waited =
      std::chrono::floor<std::chrono::milliseconds>(now - *probed_at_);
  TcpInfo info;
  // When it was probed, TCP had not heard of it for kHeardMs. If that is less
  // than `waited` + kHeardMs ago now, it has answered.
  if (sockets_.Info(socket_.native_handle(), &info) == 0 &&
      info.last_ack_ms < waited.count() + kHeardMs / 2) {
    probed_at_.reset();
    EnableKeepalive(socket_.native_handle(), limits_.dead_timeout);
    return owner_.Answered();
  }
  if (waited >= kProbeTime) {
    return Close(
        RecipientState::kFailed, Reason::kConnectionLost,
        absl::StrCat("the host did not answer within ",
                     absl::FormatDuration(absl::FromChrono(kProbeTime)),
                     " when the session was about to start"));
  }
  SetTimer(now + kProbeCheck, &Recipient::CheckProbe);
}

void Recipient::Begin(Clock::time_point now) {
  const int socket = socket_.native_handle();
  if (is_probed()) EnableKeepalive(socket, limits_.dead_timeout);
  // sendfile(2) sends what the kernel can encrypt, or clear text.
  if (tls_ == nullptr || tls_->is_in_kernel()) {
    method_ = ChooseSendMethod(sockets_, socket);
  }
  SetCork(socket, true);
  if (rate_ > 0) SetPacing(socket, rate_);
  progress_.emplace(absl::ToChronoNanoseconds(limits_.stall_timeout), rate_,
                    now);
  last_measure_ = now;
  status_.state = RecipientState::kTransferring;
  status_.start_time = absl::Now();
  began_ = now;
  owner_.Changed(*this);
}

Recipient::Sent Recipient::Send(Feed& feed, size_t limit,
                                Clock::time_point now) {
  Piece piece = feed.At(position(), method_);
  const MaxUnsent& max_unsent = MaxUnsentOf(piece.kind);
  if (status_.bytes_sent == 0) {
    SetMaxUnsent(socket_.native_handle(), max_unsent.unproven);
  }
  ssize_t sent = 0;
  size_t wanted = 0;
  if (piece.kind == Piece::Kind::kFile) {
    wanted = std::min(limit, piece.size);
    sent = sockets_.SendFile(socket_.native_handle(), piece.file, piece.offset,
                             wanted);
    if (sent == 0 || sent == -EIO) {
      // The file has become shorter: reading it gives the error to report.
      piece = feed.At(position(), SendMethod::kCopy);
    }
  }
  if (!piece.of_disk) {
    disk_since_.reset();
  } else if (!disk_since_) {
    disk_since_ = now;
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
  if (status_.bytes_sent < kProof && status_.bytes_sent + sent >= kProof) {
    SetMaxUnsent(socket_.native_handle(), max_unsent.proven);
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
  // Nothing follows that would fill the last segment.
  SetCork(socket_.native_handle(), false);
  status_.state = RecipientState::kConfirming;
  owner_.Changed(*this);
  delivery_.emplace(sockets_, socket_.native_handle(), limits_, ready_);
  Handle(delivery_->Check(now));
}

void Recipient::WaitForInput() {
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this()](std::error_code error) {
                       if (error || self->closed()) return;
                       self->CheckDelivery();
                       if (!self->closed() && !self->delivery_->peer_closed()) {
                         self->WaitForInput();
                       }
                     });
}

// Now, and not when the last byte was handed to the kernel: the pages of a file
// that sendfile(2) has queued are read when they are sent, and sent again.
void Recipient::Verify() {
  verification_ = Verification::kAsked;
  SetTimer(Later(Clock::now(), absl::ToChronoNanoseconds(limits_.disk_timeout)),
           &Recipient::OnVerifyTimeout);
  owner_.Verify([self = shared_from_this()](const absl::Status& status) {
    if (!self->closed()) self->OnVerified(status);
  });
}

void Recipient::OnVerifyTimeout() {
  OnVerified(absl::DeadlineExceededError(absl::StrCat(
      "the disk has not said for ", absl::FormatDuration(limits_.disk_timeout),
      " whether the file is what it was at the start; look whether it, or the "
      "network file system, still answers")));
}

void Recipient::OnVerified(const absl::Status& status) {
  if (!status.ok()) {
    Close(RecipientState::kFailed, Reason::kSourceFailed,
          std::string(status.message()));
    return owner_.SourceFailed(status);
  }
  verification_ = Verification::kUnchanged;
  // The peer may have half-closed, or be gone, since the look began.
  CheckDelivery();
}

void Recipient::End() { Handle(delivery_->End(Clock::now())); }

void Recipient::CheckDelivery() { Handle(delivery_->Check(Clock::now())); }

void Recipient::Handle(Delivery::Outcome outcome) {
  if (delivery_->acknowledged() && !std::exchange(waits_for_input_, true)) {
    WaitForInput();
  }
  switch (outcome) {
    case Delivery::Outcome::kPending:
      // It is checked again when the answer comes, for which the timer waits.
      if (verification_ == Verification::kAsked) return;
      return SetTimer(delivery_->next_check(), &Recipient::CheckDelivery);
    case Delivery::Outcome::kMayEnd:
      if (verification_ == Verification::kNotAsked) return Verify();
      if (verification_ == Verification::kUnchanged) return End();
      return;
    case Delivery::Outcome::kDelivered:
      return Close(RecipientState::kDelivered, Reason::kNone, "");
    case Delivery::Outcome::kLost:
      return Lost(delivery_->error());
    case Delivery::Outcome::kUnconfirmed:
      return Close(RecipientState::kFailed, Reason::kUnconfirmed,
                   DescribeUnconfirmed(*delivery_));
  }
}

void Recipient::Lost(int error, Reason reason) {
  if (tls_ != nullptr && error == -EPROTO) {
    return Close(RecipientState::kFailed, Reason::kTlsFailed, tls_->error());
  }
  Close(RecipientState::kFailed, reason,
        std::generic_category().message(-error));
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
    EndInOrderOnClose(socket_.native_handle());
  } else if (socket_.is_open()) {
    ResetOnClose(socket_.native_handle());
  }
  if (status_.start_time != absl::InfinitePast()) {
    status_.transfer_time = absl::FromChrono(Clock::now() - began_);
    const double seconds = absl::ToDoubleSeconds(status_.transfer_time);
    status_.bytes_per_second =
        seconds > 0 ? static_cast<uint64_t>(status_.bytes_acked / seconds) : 0;
  }
  timer_.cancel();
  confirm_timer_ = nullptr;
  std::error_code ignored;
  socket_.close(ignored);
  owner_.Changed(*this);
}

}  // namespace tcptool::dataplane
