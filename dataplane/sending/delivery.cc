#include "dataplane/sending/delivery.h"

#include <array>
#include <cerrno>
#include <limits>

namespace tcptool::dataplane {

Delivery::Outcome Delivery::Begin(Clock::time_point now) {
  last_progress_ = now;
  unacknowledged_ = std::numeric_limits<int>::max();
  if (!DrainInput()) return Lost(error_);
  closed_early_ = peer_closed_;
  if (const int error = sockets_.ShutdownWrite(socket_); error < 0) {
    return Lost(error);
  }
  return Check(now);
}

Delivery::Outcome Delivery::Check(Clock::time_point now) {
  if (const int error = sockets_.Error(socket_); error < 0) return Lost(error);
  if (!DrainInput()) return Lost(error_);
  const int unacknowledged = sockets_.Unacknowledged(socket_);
  if (unacknowledged < 0) return Lost(unacknowledged);
  if (unacknowledged < unacknowledged_) {
    unacknowledged_ = unacknowledged;
    last_progress_ = now;
  }
  if (unacknowledged == 0 && peer_closed_) {
    if (!closed_early_) return Outcome::kDelivered;
    if (!acknowledged_at_) acknowledged_at_ = now;
    if (now - *acknowledged_at_ >= kGrace) return Outcome::kDelivered;
  } else if (now - last_progress_ >= confirm_timeout_) {
    return Outcome::kUnconfirmed;
  }
  return Outcome::kPending;
}

bool Delivery::DrainInput() {
  // Bounded, so that a peer which never stops sending holds up nobody.
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
