#include "client/tcptool/progress.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace tcptool::client {
namespace {

using dataplane::RecipientState;

// Per cent and time left, over all recipients that are in the transfer.
std::string Remaining(const dataplane::SessionStatus& session, double rate) {
  const uint64_t recipients = session.count(RecipientState::kReady) +
                              session.count(RecipientState::kTransferring) +
                              session.count(RecipientState::kConfirming) +
                              session.count(RecipientState::kDelivered);
  const double total =
      static_cast<double>(session.content_length.value_or(0)) * recipients;
  if (total <= 0) return "";
  // What was lost with a recipient that failed counts as done.
  const double left =
      std::max(0.0, total - static_cast<double>(session.bytes_acked));
  std::string text = absl::StrFormat(", %.0f%%", 100 - 100 * left / total);
  if (rate > 0) {
    absl::StrAppend(
        &text, ", ",
        absl::FormatDuration(absl::Seconds(static_cast<int64_t>(left / rate))),
        " left");
  }
  return text;
}

std::string AmountAndRate(uint64_t bytes, double seconds) {
  return absl::StrFormat("%d bytes, %.1f MB/s", bytes,
                         seconds > 0 ? bytes / seconds / 1e6 : 0.0);
}

double Seconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Progress::Progress(Diagnostics& diagnostics)
    : diagnostics_(diagnostics),
      interval_(diagnostics.redraws() ? std::chrono::milliseconds(250)
                                      : std::chrono::seconds(5)) {}

void Progress::Show(const dataplane::SessionStatus& session) {
  if (session.start_time == absl::InfinitePast()) return;
  const Clock::time_point now = Clock::now();
  if (!start_) start_ = now;
  if (!IsDue(now) && !dataplane::IsFinal(session.state)) return;
  next_ = now + interval_;
  const double seconds = Seconds(now - *start_);
  std::string states;
  for (size_t i = 0; i < dataplane::kRecipientStates; ++i) {
    if (session.counts[i] == 0) continue;
    absl::StrAppend(&states, ", ", session.counts[i], " ",
                    dataplane::Name(static_cast<RecipientState>(i)).data());
  }
  diagnostics_.SayProgress(absl::StrCat(
      AmountAndRate(session.bytes_acked, seconds),
      Remaining(session, seconds > 0 ? session.bytes_acked / seconds : 0),
      states));
}

void Progress::Show(uint64_t received_bytes) {
  const Clock::time_point now = Clock::now();
  if (!start_) start_ = now;
  if (!IsDue(now)) return;
  next_ = now + interval_;
  diagnostics_.SayProgress(
      AmountAndRate(received_bytes, Seconds(now - *start_)));
}

}  // namespace tcptool::client
