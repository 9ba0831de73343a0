// What a watch tells: a snapshot, then what comes after it in the log.
#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/watch/session_filter.h"
#include "server/watch/session_table.h"

namespace tcptool::server {
namespace {

// Specs may be large: of these, a batch holds fewer.
constexpr size_t kMaxBatchBytes = size_t{256} << 10;

}  // namespace

absl::StatusOr<SessionTable::Cursor> SessionTable::Begin(
    int64_t resume_revision) const {
  absl::ReaderMutexLock lock(&mutex_);
  if (resume_revision == 0) return Cursor{.revision = log_.revision()};
  if (!log_.Remembers(resume_revision)) {
    return absl::OutOfRangeError(absl::StrCat(
        "resume_revision: ", resume_revision, " is not among the revisions ",
        log_.oldest(), " to ", log_.revision(),
        " that the service remembers; watch anew, without it"));
  }
  return Cursor{.in_snapshot = false, .revision = resume_revision};
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
  auto next = log_.After(seen);
  for (; next != log_.end() && !batch.full(); ++next) {
    const auto& [revision, entry] = *next;
    cursor.revision = revision;
    if (const auto* deletion = std::get_if<Deletion>(&entry)) {
      // Its labels are gone; a name that means nothing to the client does no
      // harm.
      if (MatchesName(filter, deletion->session_name)) {
        batch.changes.Add()->set_deleted_name(deletion->session_name);
      }
      continue;
    }
    const Key& key = std::get<Key>(entry);
    const SessionRow& row = sessions_.at(key.session);
    if (!Matches(filter, row.session)) continue;
    if (key.recipient == 0) {
      *batch.changes.Add()->mutable_session() = row.session;
      introduced = key.session;
    } else if (filter.include_recipients) {
      // A recipient comes after its session, also where the session's entry has
      // moved on in the log.
      if (row.create_revision > seen && introduced != key.session) {
        *batch.changes.Add()->mutable_session() = row.session;
        introduced = key.session;
      }
      *batch.changes.Add()->mutable_recipient() =
          row.recipients.at(key.recipient).recipient;
    }
  }
  if (next != log_.end()) return false;
  cursor.revision = std::max(seen, log_.revision());
  return true;
}

}  // namespace tcptool::server
