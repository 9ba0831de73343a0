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

Roster::Key Roster::KeyOf(const ExpectedRecipient& recipient) {
  if (!recipient.identity.empty()) return recipient.identity;
  return Unmapped(recipient.address);
}

std::vector<Roster::Key> Roster::KeysOf(const RecipientStatus& status) {
  std::vector<Key> keys;
  if (status.names != nullptr) {
    keys.assign(status.names->begin(), status.names->end());
  }
  // One from before a restart has lost the others.
  if (!status.identity.empty() &&
      std::ranges::find(keys, Key(status.identity)) == keys.end()) {
    keys.emplace_back(status.identity);
  }
  keys.emplace_back(status.peer.address());
  return keys;
}

std::vector<Roster::Key> Roster::KeysWithPlaces(
    const RecipientStatus& status) const {
  std::vector<Key> keys = KeysOf(status);
  std::erase_if(keys,
                [this](const Key& key) { return !places_.contains(key); });
  return keys;
}

bool Roster::IsOf(const Key& key, const RecipientStatus& status) {
  const std::vector<Key> keys = KeysOf(status);
  return std::ranges::find(keys, key) != keys.end();
}

uint64_t Roster::AddPlace(const ExpectedRecipient& recipient) {
  const Key key = KeyOf(recipient);
  RecipientStatus status;
  status.state = RecipientState::kExpected;
  status.id = recipient.id != 0 ? recipient.id : last_id_ + 1;
  status.label = recipient.label;
  status.identity = recipient.identity;
  if (recipient.identity.empty()) {
    status.peer = tcp::endpoint(Unmapped(recipient.address), 0);
  } else {
    has_identities_ = true;
  }
  last_id_ = std::max(last_id_, status.id);
  keys_[status.id] = key;
  places_.try_emplace(key);
  Replace(status, 0);
  return status.id;
}

std::vector<uint64_t> Roster::Expect(
    const std::vector<ExpectedRecipient>& recipients) {
  std::map<Key, std::vector<uint64_t>> others;
  for (const auto& [id, record] : records_) {
    if (IsExpected(id)) continue;
    for (const Key& key : KeysOf(record.status)) others[key].push_back(id);
  }
  std::vector<uint64_t> ids;
  for (const ExpectedRecipient& recipient : recipients) {
    const Key key = KeyOf(recipient);
    std::vector<uint64_t>& own = others[key];
    // Some have got a place of another key meanwhile.
    std::erase_if(own, [this](uint64_t id) { return IsExpected(id); });
    const auto rank = [this](uint64_t id) { return Rank(*Find(id)); };
    const auto [places, is_new] = places_.try_emplace(key);
    for (const uint64_t id : own) {
      if (is_new) CountOther(*Find(id), places->second, 1);
    }
    const auto best = std::ranges::max_element(own, {}, rank);
    if (best == own.end() || rank(*best) == 0) {
      ids.push_back(AddPlace(recipient));
      continue;
    }
    ids.push_back(*best);
    BecomePlace(*best, recipient);
  }
  return ids;
}

void Roster::BecomePlace(uint64_t id, const ExpectedRecipient& recipient) {
  Revive(id);
  RecipientStatus& status = records_[id].status;
  Count(status, -1);
  keys_[id] = KeyOf(recipient);
  status.label = recipient.label;
  if (!recipient.identity.empty()) {
    has_identities_ = true;
    status.identity = recipient.identity;
  }
  Count(status, 1);
  changed_.push_back(status);
}

void Roster::CountPlace(const RecipientStatus& status, int sign) {
  Places& places = places_.at(keys_.at(status.id));
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

void Roster::FillPlaces(const Key& key) {
  const auto found = places_.find(key);
  if (found == places_.end()) return;
  const Places& places = found->second;
  const auto fill = has_identities_ ? &Roster::Give : &Roster::Exchange;
  while (!places.vacant.empty() && !places.delivered.empty()) {
    (this->*fill)(*places.vacant.begin(), *places.delivered.begin());
  }
  while (!places.without_place.empty()) {
    if (!places.vacant.empty()) {
      (this->*fill)(*places.vacant.begin(), *places.without_place.begin());
    } else if (!places.handshaking.empty()) {
      Exchange(*places.handshaking.begin(), *places.without_place.begin());
    } else {
      return;
    }
  }
}

void Roster::Give(uint64_t place, uint64_t other) {
  const Record given = records_[other];
  Revive(other);
  Count(given.status, -1);
  records_.erase(other);
  std::erase_if(changed_, [other](const RecipientStatus& status) {
    return status.id == other;
  });
  forgotten_.push_back(other);
  const auto node = nodes_.find(given.status.node);
  if (node != nodes_.end() && node->second.id == other) node->second.id = place;
  if (const std::string last = records_[place].status.node;
      last != given.status.node) {
    ForgetNode(last, place);
  }
  BeginAttempt(records_[place].status);
  Set(place, given.status, given.connection);
  if (given.connection != 0) connections_[given.connection] = place;
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
