#include "server/sessions/held_sessions.h"

#include <asio/post.hpp>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {

absl::Status HeldSessions::CheckRoom() const {
  if (count_ < max_sessions_ || retention_.Oldest()) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the service has ", count_,
      " sessions that are not finished, as many as it allows; end one"));
}

void HeldSessions::AddFinished(const v1::Session& session) {
  retention_.Add(session);
  const auto expected = static_cast<uint64_t>(session.spec().expected_size());
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

void HeldSessions::Purge(const std::string& name) {
  if (!retention_.Remove(name)) return;
  table_.Remove(name);
  store_.DeleteSession(name);
  request_ids_.OnSessionDeleted(name);
  if (const auto found = records_of_.find(name); found != records_of_.end()) {
    record_count_ -= found->second->count;
    records_.erase(found->second);
    records_of_.erase(found);
  }
  --count_;
  hub_.WakeAll();
}

void HeldSessions::PurgeDurably(const std::string& name,
                                asio::any_io_executor executor, Done done) {
  Purge(name);
  store_.WhenDurable([executor, done = std::move(done)](absl::Status status) {
    asio::post(executor, [done, status] { done(status); });
  });
}

void HeldSessions::PurgeSurplus() {
  while (count_ > max_sessions_ && retention_.Oldest()) {
    Purge(*retention_.Oldest());
  }
}

void HeldSessions::PurgeExpired(absl::Time now) {
  while (const auto expired = retention_.Expired(now)) Purge(*expired);
}

}  // namespace tcptool::server
