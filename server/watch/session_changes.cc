// What a watch is sent: a snapshot, then the entries after it in the log.
#include <algorithm>
#include <variant>

#include "server/watch/session_filter.h"
#include "server/watch/session_table.h"

namespace tcptool::server {
absl::StatusOr<SessionTable::Cursor> SessionTable::Begin(
    int64_t resume_revision) const {
  absl::ReaderMutexLock lock(&mutex_);
  if (resume_revision == 0) {
    return Cursor{.revision = log_.revision(), .complete = log_.revision()};
  }
  const absl::Status status =
      CheckRemembers(log_, kResumeRevision, resume_revision);
  if (!status.ok()) return status;
  return Cursor{.in_snapshot = false,
                .revision = resume_revision,
                .complete = resume_revision};
}

absl::StatusOr<bool> SessionTable::Next(
    const Filter& filter, Cursor& cursor, size_t limit,
    v1::WatchSessionsResponse& response) const {
  absl::ReaderMutexLock lock(&mutex_);
  const absl::Status status =
      CheckRemembers(log_, kSlowReader, cursor.revision);
  if (!status.ok()) return status;
  Batch batch(limit, *response.mutable_changes());
  bool more = true;
  if (cursor.in_snapshot) {
    NextOfSnapshot(filter, cursor, batch);
  } else {
    more = !NextOfLog(filter, cursor, batch);
  }
  response.set_revision(cursor.revision);
  return more;
}

void SessionTable::NextOfSnapshot(const Filter& filter, Cursor& cursor,
                                  Batch& batch) const {
  for (auto row = sessions_.lower_bound(cursor.snapshot_session);
       row != sessions_.end(); ++row) {
    if (row->first != cursor.snapshot_session) {
      cursor.snapshot_session = row->first;
      cursor.snapshot_recipient = 0;
    }
    if (batch.full()) return;
    batch.Look();
    if (Matches(filter, row->second.status, row->second.spec) &&
        IsInSnapshot(filter, row->second.status,
                     row->second.revision > cursor.revision)) {
      if (cursor.snapshot_recipient == 0) {
        *batch.Add().mutable_session() = row->second.In(filter.view);
      }
      const auto& recipients = row->second.recipients;
      for (auto next = recipients.upper_bound(cursor.snapshot_recipient);
           filter.include_recipients && next != recipients.end(); ++next) {
        if (batch.full()) return;
        batch.Look();
        cursor.snapshot_recipient = next->first;
        const v1::Recipient& recipient = next->second.recipient;
        if (!filter.recipients.Has(recipient)) continue;
        *batch.Add().mutable_recipient() = recipient;
      }
    }
    cursor.snapshot_session = row->first + 1;
    cursor.snapshot_recipient = 0;
  }
  cursor.in_snapshot = false;
  cursor.snapshot_end = log_.revision();
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
    batch.Look();
    if (const auto* deletion = std::get_if<Deletion>(&entry)) {
      // Its spec is no longer known, so the filter ignores that; a client
      // does no wrong with a name that it does not know.
      if (!MatchesIdentity(filter, deletion->last)) continue;
      // A watcher that knows the session, from before or from its snapshot, is
      // sent its final state first.
      const int64_t known = std::max(seen, cursor.snapshot_end);
      if (deletion->create_revision <= known &&
          deletion->last_revision > seen) {
        *batch.Add().mutable_session() = deletion->last;
      }
      batch.Add().set_deleted_name(deletion->last.name());
      continue;
    }
    const Key& key = std::get<Key>(entry);
    const SessionRow& row = sessions_.at(key.session);
    if (!Matches(filter, row.status, row.spec)) {
      // One that the watcher knows by labels that it has no more is shown once
      // without them.
      if (key.recipient == 0 && row.HasLost(filter.labels, cursor.complete) &&
          row.create_revision <= std::max(seen, cursor.snapshot_end) &&
          MatchesButForLabels(filter, row.status, row.spec)) {
        *batch.Add().mutable_session() = row.In(filter.view);
      }
      continue;
    }
    if (key.recipient == 0) {
      // A watcher that knows the session has its spec, which may be large.
      *batch.Add().mutable_session() =
          row.spec_revision > cursor.complete && introduced != key.session
              ? row.In(filter.view)
              : row.status;
      introduced = key.session;
    } else if (filter.include_recipients) {
      const RecipientRow& found = row.recipients.at(key.recipient);
      // A watcher that knows the session has it as it is.
      if (found.change_revision <= cursor.complete &&
          !row.HasGained(filter.labels, cursor.complete)) {
        continue;
      }
      const v1::Recipient& recipient = found.recipient;
      if (!filter.recipients.Has(recipient)) continue;
      // A recipient comes after its session, also where the session's entry has
      // moved on in the log. The filter may select it since its spec changed.
      if (row.spec_revision > seen && introduced != key.session) {
        *batch.Add().mutable_session() = row.In(filter.view);
        introduced = key.session;
      }
      *batch.Add().mutable_recipient() = recipient;
    }
  }
  if (next != log_.end()) return false;
  cursor.revision = std::max(seen, log_.revision());
  cursor.complete = cursor.revision;
  return true;
}

}  // namespace tcptool::server
