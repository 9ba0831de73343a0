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
  ended_at_ = now;
  acknowledged_ = false;
  since_.reset();
  if (const int error = sockets_.ShutdownWrite(socket_); error < 0) {
    return Lost(error);
  }
  return Check(now);
}

Delivery::Outcome Delivery::Check(Clock::time_point now) {
  // Read before the acknowledgement that comes with its end.
  if (ended_at_ && !DrainInput(now)) return Lost(error_);
  const int unacknowledged = sockets_.Unacknowledged(socket_);
  if (unacknowledged < 0) return Lost(unacknowledged);
  const bool less = unacknowledged < unacknowledged_;
  unacknowledged_ = unacknowledged;
  acknowledged_ = unacknowledged == 0;
  Outcome outcome = Outcome::kPending;
  if (ended_at_) {
    outcome = CheckClosed(less, now);
  } else if (acknowledged_) {
    outcome = CheckGrace(now);
  } else {
    outcome = CheckAcknowledged(less, now);
  }
  // Read last, so that a reset that arrives during the calls above is seen.
  if (const int error = sockets_.TakeError(socket_); error < 0)
    return Lost(error);
  return outcome;
}

Delivery::Outcome Delivery::CheckAcknowledged(bool less,
                                              Clock::time_point now) {
  if (!progress_) {
    to_acknowledge_ = unacknowledged_;
    progress_.emplace(acknowledge_timeout_, rate_, now);
  }
  progress_->Update(to_acknowledge_,
                    std::max(0, to_acknowledge_ - unacknowledged_), now);
  if (progress_->Stalled(now)) return Outcome::kUnconfirmed;
  PollUntil(progress_->deadline(), less, now);
  return Outcome::kPending;
}

Delivery::Outcome Delivery::CheckGrace(Clock::time_point now) {
  // Input that is left unread can keep the peer's FIN in its kernel.
  if (!DrainInput(now)) return Lost(error_);
  TcpInfo info;
  if (const int error = sockets_.Info(socket_, &info); error < 0) {
    return Lost(error);
  }
  // Where the peer's kernel sends data again, what is behind it comes later.
  if (info.data_segments_in != data_segments_in_) {
    data_segments_in_ = info.data_segments_in;
    if (last_input_) last_input_ = now;
  }
  if (info.state == TCP_CLOSE_WAIT) {
    if (!half_closed_at_) half_closed_at_ = now;
    next_check_ = *half_closed_at_ + kGrace;
  } else {
    next_check_ = earliest_end_;
    // The room that was made is known to the peer's kernel, and what that sends
    // then is here, a round trip later.
    if (last_input_) {
      next_check_ =
          std::max(next_check_, *last_input_ + kSilence +
                                    std::chrono::microseconds(info.rtt_us));
    }
  }
  if (now >= next_check_) {
    input_since_.reset();
    return Outcome::kMayEnd;
  }
  // It has ended its side, or has not: behind what never ends, nobody knows.
  const Clock::duration limit = std::max(confirm_timeout_, kSilence);
  const bool goes_on = info.state != TCP_CLOSE_WAIT && input_since_ &&
                       *last_input_ >= Later(*input_since_, limit);
  return goes_on ? Outcome::kUnconfirmed : Outcome::kPending;
}

Delivery::Outcome Delivery::CheckClosed(bool less, Clock::time_point now) {
  if (acknowledged_ && peer_closed_) return Outcome::kDelivered;
  // Also while the FIN is not acknowledged: where the peer's window is closed,
  // it cannot leave before the peer reads.
  const Clock::time_point deadline = Later(*ended_at_, confirm_timeout_);
  if (now >= deadline) return Outcome::kUnconfirmed;
  if (acknowledged_) {
    next_check_ = deadline;
  } else {
    PollUntil(deadline, less, now);
  }
  return Outcome::kPending;
}

void Delivery::PollUntil(Clock::time_point deadline, bool less,
                         Clock::time_point now) {
  if (!since_) since_ = now;
  next_check_ =
      now + std::clamp((now - *since_) / 2, kFirstInterval,
                       less ? kLongestInterval : kLongestIdleInterval);
  next_check_ = std::min(next_check_, deadline);
}

bool Delivery::DrainInput(Clock::time_point now) {
  // Bounded, so that a peer that never stops sending cannot hold up the lane.
  constexpr int kReads = 16;
  constexpr uint64_t kHandshake = 1;  // Byte.
  const uint64_t known = std::max(input_, kHandshake);
  std::array<std::byte, 4096> dropped;
  for (int i = 0; i < kReads && !peer_closed_; ++i) {
    const ssize_t got = sockets_.Receive(socket_, dropped);
    if (got == -EAGAIN) break;
    if (got < 0) {
      error_ = static_cast<int>(got);
      return false;
    }
    input_ += got;
    peer_closed_ = got == 0;
  }
  if (input_ > known) {
    last_input_ = now;
    if (!input_since_) input_since_ = now;
  }
  return true;
}

Delivery::Outcome Delivery::Lost(int error) {
  error_ = error;
  return Outcome::kLost;
}

}  // namespace tcptool::dataplane
