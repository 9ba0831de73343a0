// How a recipient gets on while it is sent to: its rate, its progress, its host
// that is gone, its stall, its disk that does not answer, a confirmation that
// does not come.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/sending/recipient.h"
#include "dataplane/sending/socket_options.h"

namespace tcptool::dataplane {
namespace {

// The longest round trip that is allowed for.
constexpr auto kAnswerTime = std::chrono::seconds(2);

}  // namespace

void Recipient::SetRate(uint64_t bytes_per_second) {
  asked_rate_ = bytes_per_second;
  ApplyRate();
}

void Recipient::ApplyRate() {
  const uint64_t limit = limits_.recipient_bytes_per_second;
  const uint64_t rate = limit == 0 || asked_rate_ == 0
                            ? std::max(limit, asked_rate_)
                            : std::min(limit, asked_rate_);
  if (std::exchange(rate_, rate) == rate || !progress_ || closed()) return;
  SetPacing(socket_.native_handle(), rate);
  progress_->SetRate(rate);
}

void Recipient::Measure(Clock::time_point now) {
  const uint64_t before = status_.bytes_acked;
  const std::optional<TcpInfo> info = ReadProgress(now);
  if (status_.bytes_acked != before) owner_.Changed(*this);
  if (info) CheckVanished(*info, now);
  if (can_be_sent_to()) CheckStall(now);
  if (can_be_sent_to()) CheckDisk(now);
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
  progress_->Update(status_.bytes_sent, status_.bytes_acked, now);
  return info;
}

void Recipient::CheckVanished(const TcpInfo& info, Clock::time_point now) {
  if (info.unanswered == 0 ||
      absl::Milliseconds(info.last_ack_ms) < limits_.dead_timeout) {
    silent_since_.reset();
    return;
  }
  // A peer that is there and does not read gets window probes at growing
  // intervals: a probe that is on its way does not mean that nobody answers.
  if (!silent_since_) silent_since_ = now;
  if (now - *silent_since_ < kAnswerTime) return;
  Close(RecipientState::kFailed, Reason::kConnectionLost,
        absl::StrCat("the host has not answered for ", info.last_ack_ms / 1000,
                     " s"));
}

void Recipient::CheckStall(Clock::time_point now) {
  if (!progress_->Stalled(now)) return;
  Close(RecipientState::kFailed, Reason::kStalled,
        absl::StrCat("acknowledged nothing, or next to nothing, for ",
                     absl::FormatDuration(limits_.stall_timeout)));
}

void Recipient::CheckDisk(Clock::time_point now) {
  if (!disk_since_ ||
      now - *disk_since_ < absl::ToChronoNanoseconds(limits_.disk_timeout)) {
    return;
  }
  const absl::Status error = DiskTimedOut(limits_.disk_timeout);
  Close(RecipientState::kFailed, Reason::kSourceFailed,
        std::string(error.message()));
  owner_.SourceFailed(error);
}

void Recipient::ConfirmWithin(absl::Duration time) {
  if (time == absl::InfiniteDuration()) return;
  confirm_timer_ = std::make_unique<asio::steady_timer>(
      socket_.get_executor(), absl::ToChronoNanoseconds(time));
  confirm_timer_->async_wait(
      [self = shared_from_this(), time](std::error_code error) {
        if (error || self->closed()) return;
        self->Close(RecipientState::kFailed, Reason::kUnconfirmed,
                    absl::StrCat("the recipient was sent everything, and has "
                                 "not closed its connection within ",
                                 absl::FormatDuration(time)));
      });
}

}  // namespace tcptool::dataplane
