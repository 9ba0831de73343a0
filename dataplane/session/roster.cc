#include "dataplane/session/roster.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "dataplane/session/access_list.h"

namespace tcptool::dataplane {

using asio::ip::tcp;

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

RecipientStatus Roster::Connect(const tcp::endpoint& peer) {
  RecipientStatus status;
  status.peer = peer;
  status.connect_time = absl::Now();
  const auto vacant = vacant_.find(peer.address());
  if (vacant == vacant_.end()) {
    status.id = ++last_id_;
  } else {
    status.id = *vacant->second.begin();
    status.label = entries_[status.id].status.label;
  }
  Merge(status);
  return status;
}

void Roster::Reject(const tcp::endpoint& peer, Reason reason,
                    std::string detail) {
  RecipientStatus status;
  status.id = ++last_id_;
  status.peer = peer;
  status.state = RecipientState::kRejected;
  status.reason = reason;
  status.detail = std::move(detail);
  status.connect_time = status.end_time = absl::Now();
  Merge(status);
}

bool Roster::Merge(const RecipientStatus& status) {
  const auto [found, is_new] = entries_.try_emplace(status.id);
  Entry& entry = found->second;
  if (!is_new) {
    --counts_[static_cast<size_t>(entry.status.state)];
    // A record that is used again starts from nothing.
    bytes_sent_ -= entry.status.bytes_sent;
    bytes_acked_ -= entry.status.bytes_acked;
    if (entry.status.state == RecipientState::kFailed && entry.was_ready) {
      --failed_;
    }
    if (IsFinal(entry.status.state)) entry.was_ready = false;
  }
  if (IsExpected(status.id)) MergeExpected(entry.status, status);
  counters_.RecipientChanged(entry.status, status);
  ++counts_[static_cast<size_t>(status.state)];
  bytes_sent_ += status.bytes_sent;
  bytes_acked_ += status.bytes_acked;
  const bool was_ready = entry.was_ready;
  entry.was_ready |= status.state == RecipientState::kReady ||
                     status.start_time != absl::InfinitePast();
  if (status.state == RecipientState::kFailed && entry.was_ready) ++failed_;
  entry.status = status;
  changed_.push_back(status);
  const bool has_become_ready = !was_ready && entry.was_ready;
  if (IsFinal(status.state) && !entry.was_ready && !IsExpected(status.id)) {
    AddStranger(status.id);
  }
  return has_become_ready;
}

void Roster::MergeExpected(const RecipientStatus& before,
                           const RecipientStatus& after) {
  if (before.state == RecipientState::kReady) --expected_ready_;
  if (after.state == RecipientState::kReady) ++expected_ready_;
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

void Roster::AddStranger(uint64_t id) {
  strangers_.push_back(id);
  if (strangers_.size() <= kMaxStrangers) return;
  entries_.erase(strangers_.front());
  forgotten_.push_back(strangers_.front());
  strangers_.pop_front();
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
