#include "server/watch/reception_table.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "server/api/page_token.h"
#include "server/watch/page_items.h"

namespace tcptool::server {

ReceptionTable::ReceptionTable(int64_t revision) : log_(revision) {}

v1::Reception ReceptionTable::Row::In(v1::View view) const {
  v1::Reception reception = status;
  *reception.mutable_spec() = SpecIn(view, spec);
  return reception;
}

uint64_t ReceptionTable::TakeNumber() {
  absl::MutexLock lock(&mutex_);
  return ++last_number_;
}

void ReceptionTable::Insert(v1::Reception reception, uint64_t number) {
  absl::MutexLock lock(&mutex_);
  last_number_ = std::max(last_number_, number);
  numbers_[reception.name()] = number;
  Row& row = receptions_[number];
  row.spec = std::move(*reception.mutable_spec());
  reception.clear_spec();
  row.status = std::move(reception);
  log_.Append(row.revision, number);
  row.create_revision = row.revision;
}

bool ReceptionTable::Update(v1::Reception reception) {
  absl::MutexLock lock(&mutex_);
  const auto found = numbers_.find(reception.name());
  if (found == numbers_.end()) return false;
  Row& row = receptions_.at(found->second);
  // It goes back where something has to come again.
  const auto growth = static_cast<uint64_t>(std::max<int64_t>(
      reception.bytes_received() - row.status.bytes_received(), 0));
  bytes_received_ += growth;
  if (row.spec.has_node()) bytes_from_nodes_ += growth;
  const bool is_progress = reception.state() == row.status.state();
  reception.clear_spec();
  row.status = std::move(reception);
  if (is_progress) {
    if (!std::exchange(row.progressed, true)) {
      progressed_.push_back(found->second);
    }
    return false;
  }
  row.progressed = false;
  log_.Append(row.revision, found->second);
  return true;
}

bool ReceptionTable::PublishProgress() {
  absl::MutexLock lock(&mutex_);
  bool logged = false;
  for (const uint64_t number : std::exchange(progressed_, {})) {
    const auto row = receptions_.find(number);
    if (row == receptions_.end() || !row->second.progressed) continue;
    row->second.progressed = false;
    log_.Append(row->second.revision, number);
    logged = true;
  }
  return logged;
}

void ReceptionTable::Remove(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return;
  const auto row = receptions_.find(found->second);
  log_.AppendDeletion(row->second.revision,
                      {.last = std::move(row->second.status),
                       .last_revision = row->second.revision,
                       .create_revision = row->second.create_revision});
  receptions_.erase(row);
  numbers_.erase(found);
}

const ReceptionTable::Row* ReceptionTable::Find(const std::string& name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? nullptr : &receptions_.at(found->second);
}

absl::StatusOr<v1::Reception> ReceptionTable::Get(const std::string& name,
                                                  v1::View view) const {
  absl::ReaderMutexLock lock(&mutex_);
  const Row* row = Find(name);
  if (row == nullptr) return NoSuchReception(name);
  return row->In(view);
}

bool ReceptionTable::contains(const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  return numbers_.contains(name);
}

absl::StatusOr<v1::ListReceptionsResponse> ReceptionTable::List(
    const v1::ListReceptionsRequest& request) const {
  const absl::StatusOr<Page> page = Page::Of(request);
  if (!page.ok()) return page.status();
  const auto states = SetOf(request.states());
  absl::ReaderMutexLock lock(&mutex_);
  v1::ListReceptionsResponse response;
  PageItems items(*page, *response.mutable_receptions());
  auto next =
      page->begin ? receptions_.upper_bound(*page->begin) : receptions_.end();
  while (next != receptions_.begin()) {
    --next;
    const Row& row = next->second;
    const bool is_selected =
        IsOneOf(states, row.status.state()) &&
        HasLabels(row.spec, request.labels()) &&
        IsOneOf(request.reception_filter().reasons(), row.status.reason()) &&
        Selects(request.reception_filter(), row.status, row.spec);
    if (!items.Look(is_selected, [&] { return row.In(request.view()); })) {
      response.set_next_page_token(page->Token(next->first));
      break;
    }
  }
  return response;
}

ReceptionTable::Totals ReceptionTable::Count() const {
  absl::ReaderMutexLock lock(&mutex_);
  Totals totals = {.bytes_received = bytes_received_,
                   .bytes_from_nodes = bytes_from_nodes_};
  for (const auto& [number, row] : receptions_) {
    ++totals.receptions[row.status.state()];
  }
  return totals;
}

absl::StatusOr<ReceptionTable::Cursor> ReceptionTable::Begin(
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

absl::StatusOr<bool> ReceptionTable::Next(
    const Filter& filter, Cursor& cursor, size_t limit,
    v1::WatchReceptionsResponse& response) const {
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

void ReceptionTable::NextOfSnapshot(const Filter& filter, Cursor& cursor,
                                    Batch& batch) const {
  for (auto row = receptions_.lower_bound(cursor.snapshot_reception);
       row != receptions_.end(); ++row) {
    cursor.snapshot_reception = row->first;
    if (batch.full()) return;
    batch.Look();
    const v1::Reception& status = row->second.status;
    if (!Matches(filter, status, row->second.spec) ||
        !IsInSnapshot(filter, status, row->second.revision > cursor.revision) ||
        !IsOneOf(filter.selection.reasons(), status.reason())) {
      continue;
    }
    *batch.Add().mutable_reception() = row->second.In(filter.view);
  }
  cursor.in_snapshot = false;
  cursor.snapshot_end = log_.revision();
  // What has changed since the snapshot began follows from the log.
}

bool ReceptionTable::NextOfLog(const Filter& filter, Cursor& cursor,
                               Batch& batch) const {
  const int64_t seen = cursor.revision;
  const auto& reasons = filter.selection.reasons();
  auto next = log_.After(seen);
  for (; next != log_.end() && !batch.full(); ++next) {
    const auto& [revision, entry] = *next;
    cursor.revision = revision;
    batch.Look();
    if (const auto* deletion = std::get_if<Deletion>(&entry)) {
      // Its spec is no longer known, so the filter ignores that; a client
      // does no wrong with a name that it does not know.
      if (!MatchesIdentity(filter, deletion->last)) continue;
      // A watcher that knows the reception, from before or from its snapshot,
      // is sent its final state first.
      const int64_t known = std::max(seen, cursor.snapshot_end);
      if (deletion->create_revision <= known &&
          deletion->last_revision > seen &&
          IsOneOf(reasons, deletion->last.reason())) {
        *batch.Add().mutable_reception() = deletion->last;
      }
      batch.Add().set_deleted_name(deletion->last.name());
      continue;
    }
    const Row& row = receptions_.at(std::get<uint64_t>(entry));
    if (!Matches(filter, row.status, row.spec) ||
        !IsOneOf(reasons, row.status.reason())) {
      continue;
    }
    // A watcher that knows the reception has its spec, unless it waits for a
    // reason.
    *batch.Add().mutable_reception() =
        row.create_revision > cursor.complete || !reasons.empty()
            ? row.In(filter.view)
            : row.status;
  }
  if (next != log_.end()) return false;
  cursor.revision = std::max(seen, log_.revision());
  cursor.complete = cursor.revision;
  return true;
}

}  // namespace tcptool::server
