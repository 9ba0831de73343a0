#include "server/sessions/held_sessions.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "messages/time.h"
#include "server/api/errors.h"

namespace tcptool::server {

absl::Status HeldSessions::CheckRoom() const {
  if (held_.HasRoom()) return absl::OkStatus();
  return Exhausted(
      v1::ERROR_REASON_TOO_MANY_SESSIONS, "sessions",
      absl::StrCat(
          "the service has ", held_.count(),
          " sessions that are not finished, as many as it allows; end one"));
}

void HeldSessions::AddFinished(const v1::Session& session) {
  held_.AddFinished(session.name(), ToTime(session.end_time()),
                    ToDuration(session.spec().retention()));
  uint64_t expected = 0;
  for (const auto& recipient : session.spec().expected()) {
    expected = std::max<uint64_t>(expected, recipient.number());
  }
  const size_t count = table_.CountRecipientsAbove(session.name(), expected);
  if (count == 0) return;
  records_.push_back(
      {.session_name = session.name(), .expected = expected, .count = count});
  records_of_[session.name()] = std::prev(records_.end());
  record_count_ += count;
  while (record_count_ > kMaxRecords) {
    const Records& oldest = records_.front();
    table_.ForgetRecipientsAbove(oldest.session_name, oldest.expected);
    store_.DeleteRecipientsAbove(oldest.session_name, oldest.expected);
    record_count_ -= oldest.count;
    records_of_.erase(oldest.session_name);
    records_.pop_front();
  }
}

void HeldSessions::SetRetention(const v1::Session& session) {
  held_.SetRetention(session.name(), ToTime(session.end_time()),
                     ToDuration(session.spec().retention()));
}

void HeldSessions::Forget(const std::string& name) {
  table_.Remove(name);
  store_.DeleteSession(name);
  const auto found = records_of_.find(name);
  if (found == records_of_.end()) return;
  record_count_ -= found->second->count;
  records_.erase(found->second);
  records_of_.erase(found);
}

}  // namespace tcptool::server
