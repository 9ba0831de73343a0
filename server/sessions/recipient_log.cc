#include "server/sessions/recipient_log.h"

#include "server/base/log.h"

namespace tcptool::server {
namespace {

// It has connected, and its first byte never came.
bool IsStranger(const dataplane::RecipientStatus& recipient) {
  return recipient.attempt > 0 &&
         recipient.handshake_time == absl::InfiniteDuration();
}

}  // namespace

void RecipientLog::Add(absl::string_view session,
                       const dataplane::RecipientStatus& recipient,
                       const v1::Recipient& shown) {
  EventLimit& limit = IsStranger(recipient) ? strangers_ : others_;
  if (!limit.Allows()) {
    last_address_ = shown.address();
    return;
  }
  LogInfo("recipient_ended",
          {{"session", session},
           {"recipient", shown.name()},
           {"address", shown.address()},
           {"identity", shown.identity()},
           {"state", std::string(dataplane::Name(recipient.state))},
           {"reason", std::string(dataplane::Name(recipient.reason))}});
}

void RecipientLog::Flush() {
  const uint64_t untold = strangers_.TakeUntold() + others_.TakeUntold();
  if (untold == 0) return;
  LogInfo("recipients_ended",
          {{"count", untold}, {"last_address", last_address_}});
}

}  // namespace tcptool::server
