#include "server/fleet/service/distribution_table.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "server/api/errors.h"
#include "server/api/page_token.h"
#include "server/api/selection.h"
#include "server/fleet/service/etcd_errors.h"
#include "server/watch/page_items.h"

namespace tcptool::fleet {

using google::protobuf::util::MessageDifferencer;

namespace {

constexpr uint64_t kMostNumber = std::numeric_limits<int64_t>::max();

}  // namespace

absl::Status NoSuchDistribution(absl::string_view name) {
  return server::NotFound(api::ERROR_REASON_RESOURCE_NOT_FOUND,
                          server::kDistributionType, name,
                          absl::StrCat("there is no distribution \"", name,
                                       "\"; names look like distributions/ID"));
}

api::Distribution DistributionTable::Row::In(api::View view) const {
  api::Distribution distribution = status;
  *distribution.mutable_spec() = server::SpecIn(view, spec);
  return distribution;
}

void DistributionTable::SetReady() {
  absl::MutexLock lock(&mutex_);
  ready_ = true;
}

absl::Status DistributionTable::CheckReady() const {
  return ready_ ? absl::OkStatus() : NotReady();
}

bool DistributionTable::Set(api::Distribution distribution, int64_t number) {
  absl::MutexLock lock(&mutex_);
  const std::string& name = distribution.name();
  const auto found = numbers_.find(name);
  if (found != numbers_.end() &&
      (found->second != number ||
       rows_.at(number).status.uid() != distribution.uid())) {
    RemoveLocked(name);
  }
  // Etcd has gone back, and that of another one is not known to be gone yet.
  const auto other = rows_.find(number);
  if (other != rows_.end() && other->second.status.name() != name) {
    RemoveLocked(std::string(other->second.status.name()));
  }
  const bool is_new = numbers_.try_emplace(name, number).second;
  Row& row = rows_[number];
  if (is_new) row.spec = std::move(*distribution.mutable_spec());
  distribution.clear_spec();
  if (!is_new && MessageDifferencer::Equals(row.status, distribution)) {
    return false;
  }
  row.status = std::move(distribution);
  log_.Append(row.revision, {.number = number, .move = nullptr});
  if (is_new) row.create_revision = row.revision;
  return true;
}

bool DistributionTable::SetMoves(const std::string& distribution,
                                 const std::string& delivery,
                                 const std::vector<api::ParentMove>& moves) {
  absl::MutexLock lock(&mutex_);
  const auto found = numbers_.find(distribution);
  if (found == numbers_.end()) return false;
  const int64_t number = found->second;
  auto& all = rows_.at(number).moves;
  std::vector<Move>& known = all[delivery];
  // The record drops the oldest, and all when the node's process begins anew.
  while (known.size() > moves.size() ||
         !std::equal(known.begin(), known.end(), moves.begin(),
                     [](const Move& one, const api::ParentMove& other) {
                       return MessageDifferencer::Equals(one.message->move(),
                                                         other);
                     })) {
    log_.Erase(known.front().revision);
    known.erase(known.begin());
  }
  const size_t old = known.size();
  for (size_t i = old; i < moves.size(); ++i) {
    auto message = std::make_shared<api::DeliveryMove>();
    message->set_delivery(delivery);
    *message->mutable_move() = moves[i];
    Move& move = known.emplace_back(Move{.message = std::move(message)});
    log_.Append(move.revision, {.number = number, .move = move.message});
  }
  if (known.empty()) all.erase(delivery);
  return moves.size() > old;
}

bool DistributionTable::Remove(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  return RemoveLocked(name);
}

bool DistributionTable::RemoveLocked(const std::string& name) {
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return false;
  const auto row = rows_.find(found->second);
  for (const auto& [delivery, moves] : row->second.moves) {
    for (const Move& move : moves) log_.Erase(move.revision);
  }
  log_.AppendDeletion(row->second.revision,
                      {.last = std::move(row->second.status),
                       .last_revision = row->second.revision,
                       .create_revision = row->second.create_revision});
  rows_.erase(row);
  numbers_.erase(found);
  return true;
}

absl::StatusOr<api::Distribution> DistributionTable::Get(
    const std::string& name, api::View view) const {
  absl::ReaderMutexLock lock(&mutex_);
  if (absl::Status status = CheckReady(); !status.ok()) return status;
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return NoSuchDistribution(name);
  return rows_.at(found->second).In(view);
}

absl::StatusOr<api::ListDistributionsResponse> DistributionTable::List(
    const api::ListDistributionsRequest& request) const {
  const absl::StatusOr<server::Page> page = server::Page::Of(request);
  if (!page.ok()) return page.status();
  const auto states = server::SetOf(request.states());
  absl::ReaderMutexLock lock(&mutex_);
  if (absl::Status status = CheckReady(); !status.ok()) return status;
  api::ListDistributionsResponse response;
  server::PageItems items(*page, *response.mutable_distributions());
  // No row has a number beyond int64_t; a forged token may.
  auto next = page->begin ? rows_.upper_bound(static_cast<int64_t>(
                                std::min<uint64_t>(*page->begin, kMostNumber)))
                          : rows_.end();
  while (next != rows_.begin()) {
    --next;
    const Row& row = next->second;
    const bool is_selected =
        server::IsOneOf(states, row.status.state()) &&
        server::HasLabels(row.spec, request.labels()) &&
        server::Selects(request.distribution_filter(), row.status, row.spec);
    if (!items.Look(is_selected, [&] { return row.In(request.view()); })) {
      response.set_next_page_token(
          page->Token(static_cast<uint64_t>(next->first)));
      break;
    }
  }
  return response;
}

std::optional<FleetTotals> DistributionTable::Count() const {
  absl::ReaderMutexLock lock(&mutex_);
  if (!ready_) return std::nullopt;
  FleetTotals totals;
  for (const auto& [number, row] : rows_) {
    // It may be one of a newer version.
    if (api::DistributionState_IsValid(row.status.state())) {
      ++totals.distributions[row.status.state()];
    }
    const api::DeliveryCounts& counts = row.status.counts();
    const std::pair<api::DeliveryState, int32_t> deliveries[] = {
        {api::DELIVERY_STATE_EXPECTED, counts.expected()},
        {api::DELIVERY_STATE_WAITING, counts.waiting()},
        {api::DELIVERY_STATE_RECEIVING, counts.receiving()},
        {api::DELIVERY_STATE_VERIFYING, counts.verifying()},
        {api::DELIVERY_STATE_DELIVERED, counts.delivered()},
        {api::DELIVERY_STATE_FAILED, counts.failed()},
        {api::DELIVERY_STATE_CANCELLED, counts.cancelled()},
    };
    for (const auto& [state, count] : deliveries) {
      totals.deliveries[state] += count;
    }
  }
  return totals;
}

absl::StatusOr<DistributionTable::Cursor> DistributionTable::Begin(
    int64_t resume_revision) const {
  absl::ReaderMutexLock lock(&mutex_);
  if (absl::Status status = CheckReady(); !status.ok()) return status;
  if (resume_revision == 0) {
    return Cursor{.revision = log_.revision(), .complete = log_.revision()};
  }
  const absl::Status status =
      server::CheckRemembers(log_, server::kResumeRevision, resume_revision);
  if (!status.ok()) return status;
  return Cursor{.in_snapshot = false,
                .revision = resume_revision,
                .complete = resume_revision};
}

absl::StatusOr<bool> DistributionTable::Next(
    const Filter& filter, Cursor& cursor, size_t limit,
    api::WatchDistributionsResponse& response) const {
  absl::ReaderMutexLock lock(&mutex_);
  const absl::Status status =
      server::CheckRemembers(log_, server::kSlowReader, cursor.revision);
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

void DistributionTable::NextOfSnapshot(const Filter& filter, Cursor& cursor,
                                       Batch& batch) const {
  for (auto row = rows_.lower_bound(cursor.snapshot_distribution);
       row != rows_.end(); ++row) {
    cursor.snapshot_distribution = row->first;
    if (batch.full()) return;
    batch.Look();
    const api::Distribution& status = row->second.status;
    if (!server::Matches(filter, status, row->second.spec) ||
        !server::IsInSnapshot(filter, status,
                              row->second.revision > cursor.revision)) {
      continue;
    }
    *batch.Add().mutable_distribution() = row->second.In(filter.view);
  }
  cursor.in_snapshot = false;
  cursor.snapshot_end = log_.revision();
  // What has changed since the snapshot began follows from the log.
}

bool DistributionTable::NextOfLog(const Filter& filter, Cursor& cursor,
                                  Batch& batch) const {
  const int64_t seen = cursor.revision;
  int64_t introduced = 0;
  auto next = log_.After(seen);
  for (; next != log_.end() && !batch.full(); ++next) {
    const auto& [revision, entry] = *next;
    cursor.revision = revision;
    batch.Look();
    if (const auto* deletion = std::get_if<Deletion>(&entry)) {
      if (!server::MatchesIdentity(filter, deletion->last)) continue;
      // A watcher that knows it, from before or from its snapshot, is sent its
      // last state first.
      const int64_t known = std::max(seen, cursor.snapshot_end);
      if (deletion->create_revision <= known &&
          deletion->last_revision > seen) {
        *batch.Add().mutable_distribution() = deletion->last;
      }
      batch.Add().set_deleted_name(deletion->last.name());
      continue;
    }
    const auto& key = std::get<LogKey>(entry);
    const Row& row = rows_.at(key.number);
    if (!server::Matches(filter, row.status, row.spec)) continue;
    if (key.move != nullptr) {
      if (!filter.include_moves) continue;
      // A move comes after its distribution, also where the distribution's
      // entry has moved on in the log.
      if (row.create_revision > cursor.complete && row.revision > revision &&
          introduced != key.number) {
        *batch.Add().mutable_distribution() = row.In(filter.view);
        introduced = key.number;
      }
      *batch.Add().mutable_move() = *key.move;
      continue;
    }
    // A watcher that knows the distribution has its spec.
    *batch.Add().mutable_distribution() = row.create_revision > cursor.complete
                                              ? row.In(filter.view)
                                              : row.status;
  }
  if (next != log_.end()) return false;
  cursor.revision = std::max(seen, log_.revision());
  cursor.complete = cursor.revision;
  return true;
}

}  // namespace tcptool::fleet
