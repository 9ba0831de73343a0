#include "dataplane/session/roster.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "dataplane/session/access_list.h"

namespace tcptool::dataplane {
namespace {

using asio::ip::tcp;

bool WasServed(const RecipientStatus& status) {
  return status.start_time != absl::InfinitePast();
}

// The earlier attempts of a recipient that connects again: those in `before`,
// its last status, and that itself.
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
    : counters_(counters) {
  for (const ExpectedRecipient& recipient : expected) AddPlace(recipient);
  last_id_ = std::max(last_id_, last_id);
}

Roster::~Roster() {
  counters_.RemoveEndedRecords(strangers_.size() + served_.size());
}

void Roster::Restore(const std::vector<RecipientStatus>& recipients) {
  started_ = true;
  std::vector<const RecipientStatus*> in_time;
  for (const RecipientStatus& status : recipients) in_time.push_back(&status);
  std::ranges::stable_sort(in_time, {}, &RecipientStatus::connect_time);
  // Before CameAgain() is asked about those that they have left.
  for (const RecipientStatus* status : in_time) {
    if (!status->node.empty()) nodes_[status->node].id = status->id;
  }
  for (const RecipientStatus& status : recipients) Replace(status, 0);
  // Whoever had a place is gone, and another connection may have got all.
  for (const auto& [key, places] : places_) FillPlaces(key);
}

RecipientStatus Roster::Connect(const RecipientStatus& recipient) {
  RecipientStatus status;
  status.id = ++last_connection_;
  status.peer = recipient.peer;
  status.node = recipient.node;
  status.offset = recipient.offset;
  status.names = recipient.names;
  status.connect_time = absl::Now();
  const auto places = places_.find(status.peer.address());
  const bool has_place = !has_identities_ && places != places_.end() &&
                         !places->second.vacant.empty();
  uint64_t id = 0;
  const RecipientStatus* const before = FindNode(status.node);
  // A place is for its address alone; one that its address has comes first.
  const bool goes_on =
      before != nullptr && before->state == RecipientState::kFailed &&
      (IsExpected(before->id) ? IsOf(keys_.at(before->id), status)
                              : !has_place);
  if (goes_on) {
    id = before->id;
    Revive(id);
  } else {
    id = has_place ? *places->second.vacant.begin() : ++last_id_;
  }
  // Of the record's last connection, which may have been another node's.
  if (const std::string last = records_[id].status.node; last != status.node) {
    ForgetNode(last, id);
  }
  if (!status.node.empty()) {
    Node& node = nodes_[status.node];
    node.id = id;
    // While others have connections, it is not this node that keeps the session
    // from its end, and a bad link may cut it off as often as it likes.
    const bool was_connected =
        before != nullptr && ConnectionOf(before->id) != 0;
    const bool is_alone = connected() == (was_connected ? 1u : 0u);
    if (before != nullptr && is_alone) ++node.returns;
  }
  connections_[status.id] = id;
  BeginAttempt(records_[id].status);
  Set(id, status, status.id);
  return status;
}

const RecipientStatus* Roster::FindNode(const std::string& node) const {
  const auto found = nodes_.find(node);
  if (node.empty() || found == nodes_.end()) return nullptr;
  const RecipientStatus* const status = Find(found->second.id);
  return status != nullptr && status->node == node ? status : nullptr;
}

bool Roster::MayReturn(const std::string& node) const {
  const RecipientStatus* const status = FindNode(node);
  return status != nullptr && status->state != RecipientState::kDelivered &&
         status->state != RecipientState::kDropped &&
         nodes_.at(node).returns < kMostReturns;
}

bool Roster::NoteLost(const std::string& node, uint64_t position) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return false;
  std::optional<uint64_t>& last = found->second.lost_at;
  if (last && position < *last + kProgress) return false;
  last = position;
  found->second.returns = 0;
  return true;
}

uint64_t Roster::ConnectionOfNode(const std::string& node) const {
  const RecipientStatus* const status = FindNode(node);
  return status == nullptr ? 0 : ConnectionOf(status->id);
}

uint64_t Roster::missing_nodes() const {
  return std::ranges::count_if(nodes_, [this](const auto& node) {
    const RecipientStatus* const status = FindNode(node.first);
    return status != nullptr && status->state == RecipientState::kFailed &&
           WasServed(*status);
  });
}

bool Roster::CameAgain(const RecipientStatus& status) const {
  const auto found = nodes_.find(status.node);
  return found != nodes_.end() && found->second.id != status.id;
}

void Roster::Revive(uint64_t id) {
  if (IsExpected(id)) return;
  Record& record = records_[id];
  if (std::exchange(record.is_missing, false)) --failed_since_start_;
  counters_.RemoveEndedRecords(std::erase(strangers_, id) +
                               std::erase(served_, id));
}

void Roster::Reject(const tcp::endpoint& peer, Reason reason,
                    std::string detail) {
  RecipientStatus status;
  status.peer = peer;
  status.state = RecipientState::kRejected;
  status.reason = reason;
  status.detail = std::move(detail);
  status.connect_time = status.end_time = absl::Now();
  counters_.RecipientChanged({}, status);
  BeginAttempt(records_[++last_id_].status);
  Set(last_id_, status, 0);
}

void Roster::Update(const RecipientStatus& status) {
  const auto connection = connections_.find(status.id);
  if (connection == connections_.end()) return;
  const uint64_t id = connection->second;
  counters_.RecipientChanged(records_[id].status, status);
  const bool is_open = !IsFinal(status.state);
  if (!is_open) connections_.erase(connection);
  Set(id, status, is_open ? status.id : 0);
  for (const Key& key : KeysWithPlaces(status)) FillPlaces(key);
}

void Roster::Set(uint64_t id, RecipientStatus status, uint64_t connection) {
  const RecipientStatus& before = records_[id].status;
  status.id = id;
  status.label = before.label;
  status.attempt = before.attempt;
  status.earlier = before.earlier;
  if (const auto key = keys_.find(id); key != keys_.end()) {
    const auto* const identity = std::get_if<std::string>(&key->second);
    if (identity != nullptr) status.identity = *identity;
  }
  Replace(status, connection);
}

void Roster::Replace(const RecipientStatus& status, uint64_t connection) {
  Record& record = records_[status.id];
  const bool is_new = record.status.id == 0;
  const bool has_ended =
      IsFinal(status.state) && (is_new || !IsFinal(record.status.state));
  if (!is_new) Count(record.status, -1);
  record = {.status = status, .connection = connection};
  Count(status, 1);
  changed_.push_back(status);
  if (!has_ended || IsExpected(status.id)) return;
  const bool was_ready = status.handshake_time != absl::InfiniteDuration();
  if (started_ && was_ready && status.state == RecipientState::kFailed &&
      !CameAgain(status)) {
    ++failed_since_start_;
    record.is_missing = true;
  }
  if (WasServed(status)) {
    KeepEnded(status.id, served_, kMaxServed);
  } else {
    KeepEnded(status.id, strangers_, kMaxStrangers);
  }
}

void Roster::BeginAttempt(RecipientStatus& status) {
  status.earlier = EarlierAttempts(status);
  ++status.attempt;
}

void Roster::Count(const RecipientStatus& status, int sign) {
  counts_[static_cast<size_t>(status.state)] += sign;
  bytes_sent_ += sign * status.bytes_sent;
  bytes_acked_ += sign * status.bytes_acked;
  if (IsExpected(status.id)) {
    CountPlace(status, sign);
    return;
  }
  for (const Key& key : KeysWithPlaces(status))
    CountOther(status, places_.at(key), sign);
}

void Roster::ForgetNode(const std::string& node, uint64_t id) {
  const auto found = nodes_.find(node);
  if (found != nodes_.end() && found->second.id == id) nodes_.erase(found);
}

void Roster::KeepEnded(uint64_t id, std::deque<uint64_t>& ended, size_t max) {
  ended.push_back(id);
  const bool too_many = counters_.AddEndedRecord() > kMaxOverAll;
  if (ended.size() <= max && !too_many) return;
  counters_.RemoveEndedRecords(1);
  const auto oldest = records_.find(ended.front());
  for (const Key& key : KeysWithPlaces(oldest->second.status)) {
    places_.at(key).delivered.erase(ended.front());
  }
  ForgetNode(oldest->second.status.node, ended.front());
  records_.erase(oldest);
  forgotten_.push_back(ended.front());
  ended.pop_front();
}

Roster::Outcome Roster::outcome() const {
  if (!keys_.empty()) {
    return {.delivered = expected_delivered_,
            .missing = keys_.size() - expected_delivered_};
  }
  return {.delivered = count(RecipientState::kDelivered),
          .missing = failed_since_start_};
}

bool Roster::IsHandshaking(uint64_t connection) const {
  const auto found = connections_.find(connection);
  return found != connections_.end() &&
         Find(found->second)->state == RecipientState::kHandshaking;
}

std::vector<uint64_t> Roster::ReadyConnections() const {
  std::vector<uint64_t> ready;
  for (const auto& [connection, id] : connections_) {
    if (Find(id)->state == RecipientState::kReady) ready.push_back(connection);
  }
  std::ranges::sort(ready);
  return ready;
}

const RecipientStatus* Roster::Find(uint64_t id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : &found->second.status;
}

uint64_t Roster::ConnectionOf(uint64_t id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? 0 : found->second.connection;
}

uint64_t Roster::connected() const { return connections_.size(); }

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
