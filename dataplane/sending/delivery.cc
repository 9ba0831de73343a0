#include "dataplane/sending/delivery.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tcptool::dataplane {
namespace {

// The interval between polls of SIOCOUTQ is half of the time waited so far,
// within these bounds. A peer that acknowledges nothing is polled less often,
// so that thousands of them cost little.
constexpr Clock::duration kFirstInterval = std::chrono::milliseconds(2);
constexpr Clock::duration kLongestInterval = std::chrono::milliseconds(250);
constexpr Clock::duration kLongestIdleInterval = std::chrono::seconds(1);

}  // namespace

Delivery::Delivery(SocketApi& sockets, int socket, const Limits& limits,
                   Clock::time_point ready)
    : sockets_(sockets),
      socket_(socket),
      acknowledge_timeout_(
          absl::ToChronoNanoseconds(limits.acknowledge_timeout)),
      confirm_timeout_(absl::ToChronoNanoseconds(limits.confirm_timeout)),
      rate_(limits.recipient_bytes_per_second),
      earliest_end_(ready + kGrace) {}

Delivery::Outcome Delivery::End(Clock::time_point now) {
  ended_ = true;
  acknowledged_at_.reset();
  progress_.reset();
  if (!DrainInput()) return Lost(error_);
  if (const int error = sockets_.ShutdownWrite(socket_); error < 0) {
    return Lost(error);
  }
  return Check(now);
}

Delivery::Outcome Delivery::Check(Clock::time_point now) {
  if (ended_ && !DrainInput()) return Lost(error_);
  const int unacknowledged = sockets_.Unacknowledged(socket_);
  if (unacknowledged < 0) return Lost(unacknowledged);
  Outcome outcome = Outcome::kPending;
  if (unacknowledged > 0) {
    outcome = CheckAcknowledged(unacknowledged, now);
  } else {
    unacknowledged_ = 0;
    if (!acknowledged_at_) acknowledged_at_ = now;
    outcome = ended_ ? CheckClosed(now) : CheckGrace(now);
  }
  // Read last, so that a reset that arrives during the calls above is seen.
  if (const int error = sockets_.TakeError(socket_); error < 0)
    return Lost(error);
  return outcome;
}

Delivery::Outcome Delivery::CheckAcknowledged(int unacknowledged,
                                              Clock::time_point now) {
  if (!progress_) {
    since_ = now;
    to_acknowledge_ = unacknowledged;
    progress_.emplace(acknowledge_timeout_, rate_, now);
  }
  const bool less = unacknowledged < unacknowledged_;
  unacknowledged_ = unacknowledged;
  progress_->Update(to_acknowledge_,
                    std::max(0, to_acknowledge_ - unacknowledged), now);
  if (progress_->Stalled(now)) return Outcome::kUnconfirmed;
  next_check_ =
      now + std::clamp((now - since_) / 2, kFirstInterval,
                       less ? kLongestInterval : kLongestIdleInterval);
  next_check_ = std::min(next_check_, progress_->deadline());
  return Outcome::kPending;
}

Delivery::Outcome Delivery::CheckGrace(Clock::time_point now) {
  TcpInfo info;
  if (const int error = sockets_.Info(socket_, &info); error < 0) {
    return Lost(error);
  }
  if (info.state == TCP_CLOSE_WAIT) {
    if (!half_closed_at_) half_closed_at_ = now;
    next_check_ = *half_closed_at_ + kGrace;
  } else {
    next_check_ = earliest_end_;
  }
  return now >= next_check_ ? Outcome::kMayEnd : Outcome::kPending;
}

Delivery::Outcome Delivery::CheckClosed(Clock::time_point now) {
  if (peer_closed_) return Outcome::kDelivered;
  next_check_ = Later(*acknowledged_at_, confirm_timeout_);
  return now >= next_check_ ? Outcome::kUnconfirmed : Outcome::kPending;
}

bool Delivery::DrainInput() {
  // Bounded, so that a peer that never stops sending cannot hold up the lane.
  constexpr int kReads = 16;
  std::array<std::byte, 4096> dropped;
  for (int i = 0; i < kReads && !peer_closed_; ++i) {
    const ssize_t got = sockets_.Receive(socket_, dropped);
    if (got == -EAGAIN) break;
    if (got < 0) {
      error_ = static_cast<int>(got);
      return false;
    }
    peer_closed_ = got == 0;
  }
  return true;
}

Delivery::Outcome Delivery::Lost(int error) {
  error_ = error;
  return Outcome::kLost;
}

}  // namespace tcptool::dataplane
