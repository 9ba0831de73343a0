#include "server/watch/session_table.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/names.h"
#include "server/api/page_token.h"

namespace tcptool::server {
namespace {

absl::Status NoSession(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("there is no session \"", name,
                                          "\"; names look like sessions/ID"));
}

template <typename Labels>
bool HasLabels(const v1::Session& session, const Labels& wanted) {
  const auto& labels = session.spec().labels();
  return std::ranges::all_of(wanted, [&labels](const auto& label) {
    const auto found = labels.find(label.first);
    return found != labels.end() && found->second == label.second;
  });
}

template <typename States, typename State>
bool IsOneOf(const States& states, State state) {
  return states.empty() || std::ranges::find(states, state) != states.end();
}

// Specs may be large: of these, a page and a batch hold fewer. A client takes
// messages of 4 MiB.
constexpr size_t kMaxPageBytes = size_t{3} << 20;
constexpr size_t kMaxBatchBytes = size_t{256} << 10;

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

// Of a recipient, what is no progress changes with the state only.
Difference Compare(const v1::Recipient& before, const v1::Recipient& after) {
  if (before.state() != after.state()) return Difference::kMore;
  return google::protobuf::util::MessageDifferencer::Equals(before, after)
             ? Difference::kNone
             : Difference::kProgress;
}

// Adds `item` to a page unless that is full.
template <typename Items, typename Item>
bool AddToPage(const Page& page, const Item& item, size_t& bytes,
               Items& items) {
  bytes += item.ByteSizeLong();
  if (items.size() == page.size || (!items.empty() && bytes > kMaxPageBytes)) {
    return false;
  }
  *items.Add() = item;
  return true;
}

}  // namespace

SessionTable::SessionTable(int64_t revision)
    : revision_(revision), oldest_revision_(revision) {}

void SessionTable::Log(int64_t& revision, Entry entry) {
  if (revision != 0) log_.erase(revision);
  revision = ++revision_;
  log_.emplace(revision, std::move(entry));
}

void SessionTable::Insert(v1::Session session) {
  absl::MutexLock lock(&mutex_);
  const uint64_t number = ++last_number_;
  numbers_[session.name()] = number;
  SessionRow& row = sessions_[number];
  row.session = std::move(session);
  Log(row.revision, {.session = number});
  row.create_revision = row.revision;
}

template <typename Row>
void SessionTable::LogNow(Row& row, Entry entry) {
  row.progressed = false;
  Log(row.revision, std::move(entry));
}

template <typename Row>
void SessionTable::LogLater(Row& row, Entry entry) {
  if (std::exchange(row.progressed, true)) return;
  progressed_.push_back(std::move(entry));
}

bool SessionTable::Update(v1::Session session,
                          absl::Span<const v1::Recipient> changed,
                          absl::Span<const uint64_t> forgotten) {
  absl::MutexLock lock(&mutex_);
  const auto found = numbers_.find(session.name());
  if (found == numbers_.end()) return false;
  const uint64_t number = found->second;
  SessionRow& row = sessions_[number];
  const Difference difference = Compare(row.session, session);
  session.set_allocated_spec(row.session.release_spec());
  row.session = std::move(session);
  if (difference == Difference::kMore) LogNow(row, {.session = number});
  if (difference == Difference::kProgress) LogLater(row, {.session = number});
  bool logged = difference == Difference::kMore;
  for (const v1::Recipient& recipient : changed) {
    const uint64_t id = *RecipientNumber(recipient.name());
    const auto [next, is_new] = row.recipients.try_emplace(id);
    RecipientRow& known = next->second;
    const Difference what =
        is_new ? Difference::kMore : Compare(known.recipient, recipient);
    known.recipient = recipient;
    const Entry entry = {.session = number, .recipient = id};
    if (what == Difference::kMore) LogNow(known, entry);
    if (what == Difference::kProgress) LogLater(known, entry);
    logged |= what == Difference::kMore;
  }
  for (const uint64_t id : forgotten) {
    const auto gone = row.recipients.find(id);
    if (gone == row.recipients.end()) continue;
    log_.erase(gone->second.revision);
    row.recipients.erase(gone);
  }
  return logged;
}

bool SessionTable::PublishProgress() {
  absl::MutexLock lock(&mutex_);
  bool logged = false;
  const auto publish = [&](auto& row, Entry& entry)
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                             if (!row.progressed) return;
                             LogNow(row, std::move(entry));
                             logged = true;
                           };
  for (Entry& entry : progressed_) {
    const auto session = sessions_.find(entry.session);
    if (session == sessions_.end()) continue;
    SessionRow& row = session->second;
    if (entry.recipient == 0) {
      publish(row, entry);
    } else if (const auto found = row.recipients.find(entry.recipient);
               found != row.recipients.end()) {
      publish(found->second, entry);
    }
  }
  progressed_.clear();
  return logged;
}

void SessionTable::Remove(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return;
  const auto row = sessions_.find(found->second);
  for (const auto& [id, recipient] : row->second.recipients) {
    log_.erase(recipient.revision);
  }
  // In place of the session's own entry.
  int64_t revision = row->second.revision;
  Log(revision, {.session = found->second, .deleted_name = name});
  tombstones_.push_back(revision);
  if (tombstones_.size() > kMaxTombstones) {
    oldest_revision_ = tombstones_.front();
    log_.erase(oldest_revision_);
    tombstones_.pop_front();
  }
  sessions_.erase(row);
  numbers_.erase(found);
}

const SessionTable::SessionRow* SessionTable::Find(
    const std::string& name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? nullptr : &sessions_.at(found->second);
}

absl::StatusOr<v1::Session> SessionTable::Get(const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const SessionRow* row = Find(name);
  if (row == nullptr) return NoSession(name);
  return row->session;
}

absl::StatusOr<v1::Recipient> SessionTable::GetRecipient(
    const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const SessionRow* row = Find(SessionOf(name));
  if (row == nullptr) return NoSession(SessionOf(name));
  const auto found = row->recipients.find(RecipientNumber(name).value_or(0));
  if (found == row->recipients.end()) {
    return absl::NotFoundError(
        absl::StrCat("there is no recipient \"", name,
                     "\"; names look like sessions/ID/recipients/NUMBER"));
  }
  return found->second.recipient;
}

absl::StatusOr<v1::ListSessionsResponse> SessionTable::List(
    const v1::ListSessionsRequest& request) const {
  const absl::StatusOr<Page> page = Page::Of(request);
  if (!page.ok()) return page.status();
  absl::ReaderMutexLock lock(&mutex_);
  v1::ListSessionsResponse response;
  size_t bytes = 0;
  auto next =
      page->after ? sessions_.lower_bound(*page->after) : sessions_.end();
  while (next != sessions_.begin()) {
    --next;
    const v1::Session& session = next->second.session;
    if (!IsOneOf(request.states(), session.state()) ||
        !HasLabels(session, request.labels())) {
      continue;
    }
    if (!AddToPage(*page, session, bytes, *response.mutable_sessions())) {
      response.set_next_page_token(page->Token(next->first + 1));
      break;
    }
  }
  return response;
}

absl::StatusOr<v1::ListRecipientsResponse> SessionTable::ListRecipients(
    const v1::ListRecipientsRequest& request) const {
  const absl::StatusOr<Page> page = Page::Of(request);
  if (!page.ok()) return page.status();
  absl::ReaderMutexLock lock(&mutex_);
  const SessionRow* row = Find(request.parent());
  if (row == nullptr) return NoSession(request.parent());
  v1::ListRecipientsResponse response;
  size_t bytes = 0;
  // False: the page is full, and its token set.
  const auto add = [&](uint64_t id, const v1::Recipient& recipient) {
    if (!IsOneOf(request.states(), recipient.state()) ||
        !IsOneOf(request.labels(), recipient.label())) {
      return true;
    }
    if (!AddToPage(*page, recipient, bytes, *response.mutable_recipients())) {
      response.set_next_page_token(page->Token(id));
      return false;
    }
    return true;
  };
  const auto& all = row->recipients;
  const uint64_t expected = row->session.spec().expected_size();
  // The page begins with the recipient in the token.
  const bool in_expected = !page->after || *page->after <= expected;
  if (in_expected) {
    for (auto next = all.lower_bound(page->after.value_or(0));
         next != all.end() && next->first <= expected; ++next) {
      if (!add(next->first, next->second.recipient)) return response;
    }
  }
  auto next = in_expected ? all.end() : all.upper_bound(*page->after);
  while (next != all.begin() && (--next)->first > expected) {
    if (!add(next->first, next->second.recipient)) return response;
  }
  return response;
}

SessionTable::Totals SessionTable::Count() const {
  absl::ReaderMutexLock lock(&mutex_);
  Totals totals;
  v1::RecipientCounts& sum = totals.recipients;
  for (const auto& [number, row] : sessions_) {
    ++totals.sessions[row.session.state()];
    const v1::RecipientCounts& more = row.session.counts();
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

absl::StatusOr<SessionTable::Cursor> SessionTable::Begin(
    int64_t resume_revision) const {
  absl::ReaderMutexLock lock(&mutex_);
  if (resume_revision == 0) return Cursor{.revision = revision_};
  if (resume_revision < oldest_revision_ || resume_revision > revision_) {
    return absl::OutOfRangeError(absl::StrCat(
        "resume_revision: ", resume_revision, " is not among the revisions ",
        oldest_revision_, " to ", revision_,
        " that the service remembers; watch anew, without it"));
  }
  return Cursor{.in_snapshot = false, .revision = resume_revision};
}

bool SessionTable::Matches(const Filter& filter, const v1::Session& session) {
  return (filter.names.empty() || filter.names.contains(session.name())) &&
         HasLabels(session, filter.labels);
}

bool SessionTable::Next(const Filter& filter, Cursor& cursor, size_t limit,
                        v1::WatchSessionsResponse& response) const {
  absl::ReaderMutexLock lock(&mutex_);
  Batch batch{.limit = limit, .changes = *response.mutable_changes()};
  bool more = true;
  if (cursor.in_snapshot) {
    NextOfSnapshot(filter, cursor, batch);
  } else {
    more = !NextOfLog(filter, cursor, batch);
  }
  response.set_revision(cursor.revision);
  return more;
}

bool SessionTable::Batch::full() {
  for (; measured < changes.size(); ++measured) {
    bytes += changes[measured].ByteSizeLong();
  }
  return static_cast<size_t>(changes.size()) >= limit ||
         bytes >= kMaxBatchBytes;
}

void SessionTable::NextOfSnapshot(const Filter& filter, Cursor& cursor,
                                  Batch& batch) const {
  for (auto row = sessions_.lower_bound(cursor.snapshot_session);
       row != sessions_.end(); ++row) {
    if (row->first != cursor.snapshot_session) {
      cursor.snapshot_session = row->first;
      cursor.snapshot_recipient = 0;
    }
    if (Matches(filter, row->second.session)) {
      if (cursor.snapshot_recipient == 0) {
        if (batch.full()) return;
        *batch.changes.Add()->mutable_session() = row->second.session;
      }
      const auto& recipients = row->second.recipients;
      for (auto next = recipients.upper_bound(cursor.snapshot_recipient);
           filter.include_recipients && next != recipients.end(); ++next) {
        if (batch.full()) return;
        *batch.changes.Add()->mutable_recipient() = next->second.recipient;
        cursor.snapshot_recipient = next->first;
      }
    }
    cursor.snapshot_session = row->first + 1;
    cursor.snapshot_recipient = 0;
  }
  cursor.in_snapshot = false;
  // What has changed since the snapshot began follows from the log.
}

bool SessionTable::NextOfLog(const Filter& filter, Cursor& cursor,
                             Batch& batch) const {
  const int64_t seen = cursor.revision;
  uint64_t introduced = 0;
  auto next = log_.upper_bound(seen);
  for (; next != log_.end() && !batch.full(); ++next) {
    const auto& [revision, entry] = *next;
    cursor.revision = revision;
    if (!entry.deleted_name.empty()) {
      // Its labels are gone; a name that means nothing to the client does no
      // harm.
      if (filter.names.empty() || filter.names.contains(entry.deleted_name)) {
        batch.changes.Add()->set_deleted_name(entry.deleted_name);
      }
      continue;
    }
    const SessionRow& row = sessions_.at(entry.session);
    if (!Matches(filter, row.session)) continue;
    if (entry.recipient == 0) {
      *batch.changes.Add()->mutable_session() = row.session;
      introduced = entry.session;
    } else if (filter.include_recipients) {
      // A recipient comes after its session, also where the session's entry has
      // moved on in the log.
      if (row.create_revision > seen && introduced != entry.session) {
        *batch.changes.Add()->mutable_session() = row.session;
        introduced = entry.session;
      }
      *batch.changes.Add()->mutable_recipient() =
          row.recipients.at(entry.recipient).recipient;
    }
  }
  if (next != log_.end()) return false;
  cursor.revision = std::max(seen, revision_);
  return true;
}

}  // namespace tcptool::server
