#include "client/tcptoolctl/watch_view.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/tcptoolctl/json.h"
#include "client/tcptoolctl/render.h"
#include "messages/states.h"
#include "text/amounts.h"
#include "text/characters.h"

namespace tcptool {
namespace {

constexpr std::chrono::milliseconds kDrawInterval{100};
constexpr std::chrono::seconds kProgressInterval{1};

// The order of recipients on a screen that is too small for all: active ones,
// failed ones, waiting ones, delivered ones.
int Rank(v1::RecipientState state) {
  switch (state) {
    case v1::RECIPIENT_STATE_TRANSFERRING:
    case v1::RECIPIENT_STATE_CONFIRMING:
      return 0;
    case v1::RECIPIENT_STATE_FAILED:
    case v1::RECIPIENT_STATE_REJECTED:
    case v1::RECIPIENT_STATE_DROPPED:
      return 1;
    case v1::RECIPIENT_STATE_DELIVERED:
      return 3;
    default:
      return 2;
  }
}

std::string Summary(const v1::Session& session, int64_t bytes_per_second) {
  std::string summary = absl::StrCat(
      StateName(session.state()), ", ", session.counts().delivered(),
      " delivered, ", HumanBytes(session.bytes_acked()), " acknowledged");
  if (session.state() == v1::SESSION_STATE_TRANSFERRING) {
    absl::StrAppend(&summary, ", ", HumanBytes(bytes_per_second), "/s");
  }
  return summary;
}

}  // namespace

WatchView::WatchView(Style style, std::ostream& out,
                     std::function<TerminalSize()> size)
    : style_(style), out_(out), size_(std::move(size)) {}

bool WatchView::Update(const v1::WatchSessionsResponse& response,
                       Clock::time_point now) {
  for (const v1::Change& change : response.changes()) Take(change);
  // A bookmark says that nothing is known beyond what has come, so the last
  // recipients of a final session are here.
  const bool more =
      !deleted_ && !(response.bookmark() && IsFinal(session_.state()));
  if (style_ == Style::kScreen &&
      (now >= next_show_ || response.bookmark() || !more)) {
    next_show_ = now + kDrawInterval;
    Draw();
  }
  if (style_ == Style::kLines && now >= next_show_ &&
      session_.state() == v1::SESSION_STATE_TRANSFERRING) {
    next_show_ = now + kProgressInterval;
    ShowProgress();
  }
  // Its last recipients have come after it, and read better before it.
  if (style_ == Style::kLines && !more && !deleted_) ShowState(session_);
  out_.flush();
  return more;
}

void WatchView::Take(const v1::Change& change) {
  if (style_ == Style::kJson) ShowJson(change);
  if (style_ == Style::kLines) ShowChange(change);
  if (change.has_session()) session_ = change.session();
  if (change.has_recipient()) {
    recipients_[change.recipient().name()] = change.recipient();
  }
  if (change.has_deleted_name()) deleted_ = true;
}

absl::StatusOr<v1::Session> WatchView::Result() const {
  if (IsFinal(session_.state())) return session_;
  return absl::NotFoundError(
      absl::StrCat(session_.name(), " was deleted before its end was seen"));
}

void WatchView::ShowJson(const v1::Change& change) {
  if (change.has_session()) out_ << Json(change.session()) << '\n';
  if (change.has_recipient()) out_ << Json(change.recipient()) << '\n';
}

void WatchView::ShowChange(const v1::Change& change) {
  if (change.has_session() && change.session().state() != session_.state() &&
      !IsFinal(change.session().state())) {
    ShowState(change.session());
  }
  if (!change.has_recipient()) return;
  const v1::Recipient& recipient = change.recipient();
  const auto before = recipients_.find(recipient.name());
  if (before != recipients_.end() &&
      before->second.state() == recipient.state()) {
    return;
  }
  out_ << WhoIs(recipient);
  if (!recipient.label().empty()) {
    out_ << " (" << Printable(recipient.label()) << ")";
  }
  out_ << ": " << StateAndReason(recipient);
  if (!recipient.detail().empty())
    out_ << ": " << Printable(recipient.detail());
  out_ << '\n';
}

void WatchView::ShowState(const v1::Session& session) {
  out_ << Printable(session.name()) << ": " << StateName(session.state());
  if (!session.error().empty()) out_ << ": " << Printable(session.error());
  out_ << '\n';
}

void WatchView::ShowProgress() {
  out_ << Printable(session_.name()) << ": " << Summary(session_, Rate())
       << '\n';
}

void WatchView::Draw() {
  const TerminalSize size = size_();
  std::optional<int64_t> length;
  if (session_.has_content_length()) length = session_.content_length();
  const std::string text = absl::StrCat(Printable(session_.name()), " on ",
                                        Printable(session_.data_endpoint()),
                                        ": ", Summary(session_, Rate()), "\n",
                                        ProgressTable(ActiveFirst(), length));
  std::vector<std::string> lines =
      absl::StrSplit(text, '\n', absl::SkipEmpty());
  // Less the line that the cursor is on afterwards: lines that scroll off the
  // screen cannot be drawn over.
  const size_t room = std::max<size_t>(size.rows, 4) - 1;
  if (lines.size() > room) {
    const size_t hidden = lines.size() - (room - 1);
    lines.resize(room - 1);
    lines.push_back(absl::StrCat("and ", hidden, " more"));
  }
  if (drawn_lines_ > 0) out_ << "\x1b[" << drawn_lines_ << "A\r\x1b[J";
  for (const std::string& line : lines) {
    out_ << Truncate(line, size.columns) << '\n';
  }
  drawn_lines_ = lines.size();
}

std::vector<v1::Recipient> WatchView::ActiveFirst() const {
  std::vector<v1::Recipient> recipients;
  for (const auto& [name, recipient] : recipients_) {
    recipients.push_back(recipient);
  }
  std::stable_sort(recipients.begin(), recipients.end(),
                   [](const v1::Recipient& a, const v1::Recipient& b) {
                     return Rank(a.state()) < Rank(b.state());
                   });
  return recipients;
}

int64_t WatchView::Rate() const {
  int64_t rate = 0;
  for (const auto& [name, recipient] : recipients_) {
    if (recipient.state() == v1::RECIPIENT_STATE_TRANSFERRING) {
      rate += recipient.bytes_per_second();
    }
  }
  return rate;
}

}  // namespace tcptool
