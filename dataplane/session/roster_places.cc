// The places of expected recipients: who has them.
#include <algorithm>

#include "dataplane/session/access_list.h"
#include "dataplane/session/roster.h"

namespace tcptool::dataplane {
namespace {

using asio::ip::tcp;

void AddOrErase(std::set<uint64_t>& ids, uint64_t id, int sign) {
  if (sign > 0) {
    ids.insert(id);
  } else {
    ids.erase(id);
  }
}

bool IsBeingServed(const RecipientStatus& status) {
  return status.state == RecipientState::kReady ||
         status.state == RecipientState::kTransferring ||
         status.state == RecipientState::kConfirming;
}

// How far one without a place is; 0: it has ended without the content.
int Rank(const RecipientStatus& status) {
  if (status.state == RecipientState::kDelivered) return 3;
  if (IsBeingServed(status)) return 2;
  return status.state == RecipientState::kHandshaking ? 1 : 0;
}

}  // namespace

uint64_t Roster::AddPlace(const ExpectedRecipient& recipient) {
  RecipientStatus status;
  status.peer = tcp::endpoint(Unmapped(recipient.address), 0);
  status.state = RecipientState::kExpected;
  status.id = recipient.id != 0 ? recipient.id : last_id_ + 1;
  status.label = recipient.label;
  last_id_ = std::max(last_id_, status.id);
  addresses_[status.id] = status.peer.address();
  places_.try_emplace(status.peer.address());
  Replace(status, 0);
  return status.id;
}

std::vector<uint64_t> Roster::Expect(
    const std::vector<ExpectedRecipient>& recipients) {
  std::map<asio::ip::address, std::vector<uint64_t>> others;
  for (const auto& [id, record] : records_) {
    if (!IsExpected(id)) {
      others[record.status.peer.address()].push_back(id);
    }
  }
  std::vector<uint64_t> ids;
  for (const ExpectedRecipient& recipient : recipients) {
    const asio::ip::address address = Unmapped(recipient.address);
    std::vector<uint64_t>& from_there = others[address];
    const auto rank = [this](uint64_t id) { return Rank(*Find(id)); };
    const auto [places, is_new] = places_.try_emplace(address);
    for (const uint64_t id : from_there) {
      if (is_new) CountOther(*Find(id), places->second, 1);
    }
    const auto best = std::ranges::max_element(from_there, {}, rank);
    if (best == from_there.end() || rank(*best) == 0) {
      ids.push_back(AddPlace(recipient));
      continue;
    }
    ids.push_back(*best);
    BecomePlace(*best, recipient);
    from_there.erase(best);
  }
  return ids;
}

void Roster::BecomePlace(uint64_t id, const ExpectedRecipient& recipient) {
  Revive(id);
  RecipientStatus& status = records_[id].status;
  Count(status, -1);
  addresses_[id] = Unmapped(recipient.address);
  status.label = recipient.label;
  Count(status, 1);
  changed_.push_back(status);
}

void Roster::CountPlace(const RecipientStatus& status, int sign) {
  Places& places = places_.at(addresses_.at(status.id));
  switch (status.state) {
    case RecipientState::kHandshaking:
      return AddOrErase(places.handshaking, status.id, sign);
    case RecipientState::kReady:
      expected_ready_ += sign;
      return;
    case RecipientState::kDelivered:
      expected_delivered_ += sign;
      return;
    case RecipientState::kTransferring:
    case RecipientState::kConfirming:
      return;
    case RecipientState::kExpected:
    case RecipientState::kFailed:
    case RecipientState::kRejected:
    case RecipientState::kDropped:
      return AddOrErase(places.vacant, status.id, sign);
  }
}

void Roster::CountOther(const RecipientStatus& status, Places& places,
                        int sign) {
  if (IsBeingServed(status)) {
    AddOrErase(places.without_place, status.id, sign);
  } else if (status.state == RecipientState::kDelivered) {
    AddOrErase(places.delivered, status.id, sign);
  }
}

void Roster::FillPlaces(const asio::ip::address& address) {
  const auto found = places_.find(address);
  if (found == places_.end()) return;
  const Places& places = found->second;
  while (!places.vacant.empty() && !places.delivered.empty()) {
    Exchange(*places.vacant.begin(), *places.delivered.begin());
  }
  while (!places.without_place.empty()) {
    const std::set<uint64_t>& open =
        places.vacant.empty() ? places.handshaking : places.vacant;
    if (open.empty()) return;
    Exchange(*open.begin(), *places.without_place.begin());
  }
}

void Roster::Exchange(uint64_t one, uint64_t other) {
  const Record first = records_[one];
  const Record second = records_[other];
  const auto node_of_first = nodes_.find(first.status.node);
  const auto node_of_second = nodes_.find(second.status.node);
  const bool first_is_last =
      node_of_first != nodes_.end() && node_of_first->second.id == one;
  const bool second_is_last =
      node_of_second != nodes_.end() && node_of_second->second.id == other;
  if (first_is_last) node_of_first->second.id = other;
  if (second_is_last) node_of_second->second.id = one;
  // No later state of an attempt follows a final one.
  if (IsFinal(first.status.state)) BeginAttempt(records_[one].status);
  if (IsFinal(second.status.state)) BeginAttempt(records_[other].status);
  Set(one, second.status, second.connection);
  Set(other, first.status, first.connection);
  if (second.connection != 0) connections_[second.connection] = one;
  if (first.connection != 0) connections_[first.connection] = other;
}

}  // namespace tcptool::dataplane
