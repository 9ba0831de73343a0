#include "dataplane/session/roster.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "dataplane/session/access_list.h"

namespace tcptool::dataplane {

using asio::ip::tcp;

namespace {

// Those of a recipient whose last one is `before`, and which comes again.
std::shared_ptr<const EndedAttempts> EarlierAttempts(
    const RecipientStatus& before) {
  if (before.attempt == 0) return nullptr;
  EndedAttempts attempts;
  if (before.earlier != nullptr) attempts = *before.earlier;
  attempts.push_back({.attempt = before.attempt,
                      .peer = before.peer,
                      .state = before.state,
                      .reason = before.reason,
                      .detail = before.detail,
                      .bytes_acked = before.bytes_acked,
                      .connect_time = before.connect_time,
                      .end_time = before.end_time});
  if (attempts.size() > Roster::kMaxEarlierAttempts) {
    attempts.erase(attempts.begin());
  }
  return std::make_shared<const EndedAttempts>(std::move(attempts));
}

}  // namespace

Roster::Roster(const std::vector<ExpectedRecipient>& expected, uint64_t last_id,
               Counters& counters)
    : expected_(expected.size()), counters_(counters) {
  for (const ExpectedRecipient& recipient : expected) {
    RecipientStatus status;
    status.id = ++last_id_;
    status.peer = tcp::endpoint(Unmapped(recipient.address), 0);
    status.label = recipient.label;
    status.state = RecipientState::kExpected;
    Merge(status);
  }
  last_id_ = std::max(last_id_, last_id);
}

Roster::~Roster() {
  counters_.RemoveEndedRecords(strangers_.size() + served_.size());
}

RecipientStatus Roster::Connect(const tcp::endpoint& peer) {
  RecipientStatus status;
  status.peer = peer;
  status.attempt = 1;
  status.connect_time = absl::Now();
  const auto vacant = vacant_.find(peer.address());
  if (vacant == vacant_.end()) {
    status.id = ++last_id_;
  } else {
    status.id = *vacant->second.begin();
    const RecipientStatus& before = entries_[status.id].status;
    status.label = before.label;
    status.attempt = before.attempt + 1;
    status.earlier = EarlierAttempts(before);
  }
  Merge(status);
  return status;
}

void Roster::Reject(const tcp::endpoint& peer, Reason reason,
                    std::string detail) {
  RecipientStatus status;
  status.id = ++last_id_;
  status.peer = peer;
  status.attempt = 1;
  status.state = RecipientState::kRejected;
  status.reason = reason;
  status.detail = std::move(detail);
  status.connect_time = status.end_time = absl::Now();
  Merge(status);
}

void Roster::Restore(const std::vector<RecipientStatus>& recipients) {
  started_ = true;
  for (const RecipientStatus& status : recipients) MergeUncounted(status);
}

bool Roster::Merge(const RecipientStatus& status) {
  const RecipientStatus* const before = Find(status.id);
  counters_.RecipientChanged(before == nullptr ? RecipientStatus() : *before,
                             status);
  return MergeUncounted(status);
}

bool Roster::MergeUncounted(const RecipientStatus& status) {
  const auto [found, is_new] = entries_.try_emplace(status.id);
  Entry& entry = found->second;
  const bool has_ended =
      IsFinal(status.state) && (is_new || !IsFinal(entry.status.state));
  if (!is_new) {
    --counts_[static_cast<size_t>(entry.status.state)];
    // A record that is used again starts from nothing.
    bytes_sent_ -= entry.status.bytes_sent;
    bytes_acked_ -= entry.status.bytes_acked;
    if (IsFinal(entry.status.state)) entry.was_ready = false;
  }
  if (IsExpected(status.id)) MergeExpected(entry.status, status);
  ++counts_[static_cast<size_t>(status.state)];
  bytes_sent_ += status.bytes_sent;
  bytes_acked_ += status.bytes_acked;
  const bool was_ready = entry.was_ready;
  entry.was_ready |= status.state == RecipientState::kReady ||
                     status.start_time != absl::InfinitePast();
  entry.status = status;
  changed_.push_back(status);
  const bool has_become_ready = !was_ready && entry.was_ready;
  if (has_ended && !IsExpected(status.id)) {
    if (status.state == RecipientState::kFailed && entry.was_ready &&
        started_) {
      ++failed_since_start_;
    }
    const bool was_served = status.start_time != absl::InfinitePast();
    // `entry` may be gone after this.
    if (was_served) {
      KeepEnded(status.id, served_, kMaxServed);
    } else {
      KeepEnded(status.id, strangers_, kMaxStrangers);
    }
  }
  return has_become_ready;
}

void Roster::MergeExpected(const RecipientStatus& before,
                           const RecipientStatus& after) {
  if (before.state == RecipientState::kReady) --expected_ready_;
  if (after.state == RecipientState::kReady) ++expected_ready_;
  if (before.state == RecipientState::kDelivered) --expected_delivered_;
  if (after.state == RecipientState::kDelivered) ++expected_delivered_;
  const asio::ip::address address = after.peer.address();
  if (after.state == RecipientState::kExpected ||
      (IsFinal(after.state) && after.state != RecipientState::kDelivered)) {
    vacant_[address].insert(after.id);
    return;
  }
  const auto vacant = vacant_.find(address);
  if (vacant == vacant_.end()) return;
  vacant->second.erase(after.id);
  if (vacant->second.empty()) vacant_.erase(vacant);
}

void Roster::KeepEnded(uint64_t id, std::deque<uint64_t>& ended, size_t max) {
  ended.push_back(id);
  const bool too_many = counters_.AddEndedRecord() > kMaxOverAll;
  if (ended.size() <= max && !too_many) return;
  counters_.RemoveEndedRecords(1);
  entries_.erase(ended.front());
  forgotten_.push_back(ended.front());
  ended.pop_front();
}

Roster::Outcome Roster::outcome() const {
  if (expected_ > 0) {
    return {.delivered = expected_delivered_,
            .missing = expected_ - expected_delivered_};
  }
  return {.delivered = count(RecipientState::kDelivered),
          .missing = failed_since_start_};
}

const RecipientStatus* Roster::Find(uint64_t id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second.status;
}

uint64_t Roster::connected() const {
  return count(RecipientState::kHandshaking) + count(RecipientState::kReady) +
         count(RecipientState::kTransferring) +
         count(RecipientState::kConfirming);
}

void Roster::Sum(SessionStatus& session) const {
  session.counts = counts_;
  session.bytes_sent = bytes_sent_;
  session.bytes_acked = bytes_acked_;
}

void Roster::ClearChanges() {
  changed_.clear();
  forgotten_.clear();
}

}  // namespace tcptool::dataplane
