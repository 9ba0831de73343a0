#include "server/watch/session_table.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/errors.h"
#include "server/api/names.h"
#include "server/watch/session_filter.h"

namespace tcptool::server {
namespace {

enum class Difference { kNone, kProgress, kMore };

Difference Compare(const v1::Session& before, const v1::Session& after) {
  using google::protobuf::util::MessageDifferencer;
  if (before.state() != after.state() || before.error() != after.error() ||
      before.content_length() != after.content_length() ||
      before.has_content_length() != after.has_content_length() ||
      before.content_sha256() != after.content_sha256() ||
      !MessageDifferencer::Equals(before.counts(), after.counts())) {
    return Difference::kMore;
  }
  return before.bytes_sent() == after.bytes_sent() &&
                 before.bytes_acked() == after.bytes_acked()
             ? Difference::kNone
             : Difference::kProgress;
}

// Of a recipient, all but the state and the attempt is progress.
Difference Compare(const v1::Recipient& before, const v1::Recipient& after) {
  if (before.state() != after.state() || before.attempt() != after.attempt()) {
    return Difference::kMore;
  }
  return google::protobuf::util::MessageDifferencer::Equals(before, after)
             ? Difference::kNone
             : Difference::kProgress;
}

}  // namespace

SessionTable::SessionTable(int64_t revision) : log_(revision) {}

v1::Session SessionTable::SessionRow::In(v1::View view) const {
  v1::Session session = status;
  *session.mutable_spec() = SpecIn(view, spec);
  return session;
}

bool SessionTable::SessionRow::ChangeSpec(v1::SessionSpec changed) {
  spec_revision = revision;
  const bool has_other_labels = spec.labels_size() != changed.labels_size() ||
                                !HasLabels(spec, changed.labels());
  if (has_other_labels) {
    former_labels = SpecIn(v1::VIEW_BASIC, spec);
    former_labels_revision = std::exchange(labels_revision, revision);
  }
  spec = std::move(changed);
  return has_other_labels;
}

bool SessionTable::SessionRow::HasLost(
    const std::map<std::string, std::string>& labels, int64_t after) const {
  if (labels_revision <= after || HasLabels(spec, labels)) return false;
  // What they were before that is not known.
  return former_labels_revision > after || HasLabels(former_labels, labels);
}

bool SessionTable::SessionRow::HasGained(
    const std::map<std::string, std::string>& labels, int64_t after) const {
  if (labels.empty() || labels_revision <= after || !HasLabels(spec, labels)) {
    return false;
  }
  return former_labels_revision > after || !HasLabels(former_labels, labels);
}

uint64_t SessionTable::Insert(v1::Session session, uint64_t number) {
  absl::MutexLock lock(&mutex_);
  if (number == 0) number = last_number_ + 1;
  last_number_ = std::max(last_number_, number);
  numbers_[session.name()] = number;
  SessionRow& row = sessions_[number];
  row.spec = std::move(*session.mutable_spec());
  session.clear_spec();
  row.status = std::move(session);
  log_.Append(row.revision, {.session = number});
  row.create_revision = row.spec_revision = row.labels_revision = row.revision;
  return number;
}

template <typename Row>
void SessionTable::LogNow(Row& row, Key key) {
  row.progressed = false;
  log_.Append(row.revision, key);
  if constexpr (requires { row.change_revision; }) {
    row.change_revision = row.revision;
  }
}

void SessionTable::LogAgain(RecipientRow& row, Key key) {
  if (row.progressed) return LogNow(row, key);
  log_.Append(row.revision, key);
}

template <typename Row>
void SessionTable::LogLater(Row& row, Key key) {
  if (std::exchange(row.progressed, true)) return;
  progressed_.push_back(key);
}

bool SessionTable::Update(v1::Session session,
                          absl::Span<const v1::Recipient> changed,
                          absl::Span<const uint64_t> forgotten) {
  absl::MutexLock lock(&mutex_);
  const auto found = numbers_.find(session.name());
  if (found == numbers_.end()) return false;
  const uint64_t number = found->second;
  SessionRow& row = sessions_[number];
  const bool has_spec = session.has_spec();
  const Difference difference =
      has_spec ? Difference::kMore : Compare(row.status, session);
  v1::SessionSpec spec = std::move(*session.mutable_spec());
  session.clear_spec();
  row.status = std::move(session);
  if (difference == Difference::kMore) LogNow(row, {.session = number});
  const bool has_other_labels = has_spec && row.ChangeSpec(std::move(spec));
  if (difference == Difference::kProgress) LogLater(row, {.session = number});
  bool logged = difference == Difference::kMore;
  for (const v1::Recipient& recipient : changed) {
    const uint64_t id = *RecipientNumber(recipient.name());
    const auto [next, is_new] = row.recipients.try_emplace(id);
    RecipientRow& known = next->second;
    const Difference what =
        is_new ? Difference::kMore : Compare(known.recipient, recipient);
    known.recipient = recipient;
    const Key key = {.session = number, .recipient = id};
    if (what == Difference::kMore) LogNow(known, key);
    if (what == Difference::kProgress) LogLater(known, key);
    logged |= what == Difference::kMore;
  }
  if (has_other_labels) {
    // A watch that knows the session by them has not been told of its
    // recipients.
    for (auto& [id, recipient] : row.recipients) {
      LogAgain(recipient, {.session = number, .recipient = id});
    }
  }
  for (const uint64_t id : forgotten) {
    const auto gone = row.recipients.find(id);
    if (gone == row.recipients.end()) continue;
    log_.Erase(gone->second.revision);
    row.recipients.erase(gone);
  }
  return logged;
}

bool SessionTable::PublishProgress() {
  absl::MutexLock lock(&mutex_);
  bool logged = false;
  const auto publish = [&](auto& row, const Key& key)
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                             if (!row.progressed) return;
                             LogNow(row, key);
                             logged = true;
                           };
  for (const Key& key : progressed_) {
    const auto session = sessions_.find(key.session);
    if (session == sessions_.end()) continue;
    SessionRow& row = session->second;
    if (key.recipient == 0) {
      publish(row, key);
    } else if (const auto found = row.recipients.find(key.recipient);
               found != row.recipients.end()) {
      publish(found->second, key);
    }
  }
  progressed_.clear();
  return logged;
}

size_t SessionTable::CountRecipientsAbove(const std::string& name,
                                          uint64_t number) const {
  absl::ReaderMutexLock lock(&mutex_);
  const SessionRow* row = Find(name);
  if (row == nullptr) return 0;
  return static_cast<size_t>(std::distance(row->recipients.upper_bound(number),
                                           row->recipients.end()));
}

void SessionTable::ForgetRecipientsAbove(const std::string& name,
                                         uint64_t number) {
  absl::MutexLock lock(&mutex_);
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return;
  auto& recipients = sessions_[found->second].recipients;
  const auto first = recipients.upper_bound(number);
  for (auto next = first; next != recipients.end(); ++next) {
    log_.Erase(next->second.revision);
  }
  recipients.erase(first, recipients.end());
}

void SessionTable::Remove(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return;
  const auto row = sessions_.find(found->second);
  for (const auto& [id, recipient] : row->second.recipients) {
    log_.Erase(recipient.revision);
  }
  log_.AppendDeletion(row->second.revision,
                      {.last = std::move(row->second.status),
                       .last_revision = row->second.revision,
                       .create_revision = row->second.create_revision});
  sessions_.erase(row);
  numbers_.erase(found);
}

const SessionTable::SessionRow* SessionTable::Find(
    const std::string& name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? nullptr : &sessions_.at(found->second);
}

absl::StatusOr<v1::Session> SessionTable::Get(const std::string& name,
                                              v1::View view) const {
  absl::ReaderMutexLock lock(&mutex_);
  const SessionRow* row = Find(name);
  if (row == nullptr) return NoSuchSession(name);
  return row->In(view);
}

absl::StatusOr<bool> SessionTable::HasEnded(const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const SessionRow* row = Find(name);
  if (row == nullptr) return NoSuchSession(name);
  return row->status.has_end_time();
}

absl::StatusOr<v1::Recipient> SessionTable::GetRecipient(
    const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const SessionRow* row = Find(SessionOf(name));
  if (row == nullptr) return NoSuchSession(SessionOf(name));
  const auto found = row->recipients.find(RecipientNumber(name).value_or(0));
  if (found == row->recipients.end()) {
    return NotFound(
        v1::ERROR_REASON_RESOURCE_NOT_FOUND, kRecipientType, name,
        absl::StrCat("there is no recipient \"", name,
                     "\"; names look like sessions/ID/recipients/NUMBER"));
  }
  return found->second.recipient;
}

SessionTable::Totals SessionTable::Count() const {
  absl::ReaderMutexLock lock(&mutex_);
  Totals totals;
  v1::RecipientCounts& sum = totals.recipients;
  for (const auto& [number, row] : sessions_) {
    ++totals.sessions[row.status.state()];
    const v1::RecipientCounts& more = row.status.counts();
    sum.set_expected(sum.expected() + more.expected());
    sum.set_handshaking(sum.handshaking() + more.handshaking());
    sum.set_ready(sum.ready() + more.ready());
    sum.set_transferring(sum.transferring() + more.transferring());
    sum.set_confirming(sum.confirming() + more.confirming());
    sum.set_delivered(sum.delivered() + more.delivered());
    sum.set_failed(sum.failed() + more.failed());
    sum.set_rejected(sum.rejected() + more.rejected());
    sum.set_dropped(sum.dropped() + more.dropped());
  }
  return totals;
}

}  // namespace tcptool::server
