#include "client/tcptool/reporter.h"

#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::client {
namespace {

using dataplane::Reason;
using dataplane::RecipientState;
using dataplane::RecipientStatus;

std::string HostOf(const RecipientStatus& recipient) {
  return recipient.peer.address().to_string();
}

std::string EndpointOf(const RecipientStatus& recipient) {
  std::ostringstream text;
  text << recipient.peer;
  return text.str();
}

// "192.0.2.7:40112: STALLED, acknowledged nothing for 1m."
std::string ReasonOf(const RecipientStatus& recipient) {
  return absl::StrCat(
      EndpointOf(recipient), ": ", dataplane::Name(recipient.reason).data(),
      recipient.detail.empty() ? "" : ", ", recipient.detail, ".");
}

}  // namespace

void Reporter::OnUpdate(const Update& update) {
  if (update.session.content_length == 0 && !std::exchange(said_empty_, true)) {
    diagnostics_.Say(Level::kWarning,
                     "The content is empty: recipients that had something in "
                     "their output have nothing then.");
  }
  for (const RecipientStatus& recipient : update.changed) Describe(recipient);
  progress_.Show(update.session);
  if (!dataplane::IsFinal(update.session.state)) return;
  if (!update.session.error.empty()) {
    diagnostics_.Say(Level::kError, update.session.error);
  }
  absl::MutexLock lock(&mutex_);
  end_ = update.session;
  ended_ = true;
}

dataplane::SessionStatus Reporter::WaitForEnd() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&ended_));
  return end_;
}

void Reporter::Describe(const RecipientStatus& recipient) {
  const auto [before, is_new] =
      states_.try_emplace(recipient.id, recipient.state);
  if (!is_new && before->second == recipient.state) return;
  before->second = recipient.state;
  diagnostics_.Say(Level::kDebug,
                   absl::StrCat(EndpointOf(recipient), " is ",
                                dataplane::Name(recipient.state).data(), "."));
  switch (recipient.state) {
    case RecipientState::kDelivered:
      return diagnostics_.Say(Level::kInfo,
                              absl::StrCat("Transmission succeeded for '",
                                           HostOf(recipient), "'."));
    case RecipientState::kFailed:
      return DescribeFailure(recipient);
    case RecipientState::kRejected:
      return DescribeRejection(recipient, is_new);
    default:
      return;
  }
}

void Reporter::DescribeRejection(const RecipientStatus& recipient,
                                 bool is_new) {
  if (recipient.reason == Reason::kNotAuthorized) {
    diagnostics_.Say(Level::kWarning,
                     "Connection attempt from non-authorized client!");
    diagnostics_.Say(Level::kWarning, ReasonOf(recipient));
  } else if (is_new) {
    // Turned away before its handshake: the system is short of something.
    diagnostics_.Say(Level::kError, "Failed to accept client connection!");
    diagnostics_.Say(Level::kError, ReasonOf(recipient));
  }
}

void Reporter::DescribeFailure(const RecipientStatus& recipient) {
  const bool is_sent_to = recipient.start_time != absl::InfinitePast();
  if (recipient.reason == Reason::kHandshakeClosed ||
      recipient.reason == Reason::kHandshakeTimeout ||
      (recipient.reason == Reason::kTlsFailed && !is_sent_to)) {
    diagnostics_.Say(Level::kWarning,
                     "Failed to obtain initialization byte from recipient!");
    return diagnostics_.Say(Level::kWarning, ReasonOf(recipient));
  }
  if (recipient.reason == Reason::kConnectionLost && is_sent_to) {
    diagnostics_.Say(Level::kError, "Failed tosend data!");
  }
  diagnostics_.Say(Level::kError, absl::StrCat("Transmission failed for '",
                                               HostOf(recipient), "'!"));
  diagnostics_.Say(Level::kError, ReasonOf(recipient));
}

}  // namespace tcptool::client
