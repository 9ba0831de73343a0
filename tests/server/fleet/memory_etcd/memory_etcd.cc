#include "tests/server/fleet/memory_etcd/memory_etcd.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"

namespace tcptool::fleet {
namespace {

// etcd's --max-txn-ops, by default.
constexpr int kMostOperations = 128;

// As etcd has ranges: an empty end is the key alone, "\0" all behind.
bool IsIn(const std::string& key, const std::string& from,
          const std::string& end) {
  if (end.empty()) return key == from;
  return key >= from && (end == std::string(1, '\0') || key < end);
}

template <typename Value>
bool Compared(etcdserverpb::Compare::CompareResult result, const Value& is,
              const Value& given) {
  switch (result) {
    case etcdserverpb::Compare::EQUAL:
      return is == given;
    case etcdserverpb::Compare::GREATER:
      return is > given;
    case etcdserverpb::Compare::LESS:
      return is < given;
    default:
      return is != given;
  }
}

}  // namespace

void MemoryEtcd::Restore(const MemoryEtcd& backup) {
  const int last_listener = last_listener_;
  *this = backup;
  listeners_.clear();
  last_listener_ = last_listener;
}

bool MemoryEtcd::Holds(const etcdserverpb::Compare& compare) const {
  static const etcdserverpb::KeyValue kNone;
  const auto found = keys_.find(compare.key());
  const etcdserverpb::KeyValue& key =
      found == keys_.end() ? kNone : found->second;
  switch (compare.target()) {
    case etcdserverpb::Compare::VERSION:
      return Compared(compare.result(), key.version(), compare.version());
    case etcdserverpb::Compare::CREATE:
      return Compared(compare.result(), key.create_revision(),
                      compare.create_revision());
    case etcdserverpb::Compare::MOD:
      return Compared(compare.result(), key.mod_revision(),
                      compare.mod_revision());
    case etcdserverpb::Compare::LEASE:
      return Compared(compare.result(), key.lease(), compare.lease());
    default:
      return found != keys_.end() &&
             Compared(compare.result(), key.value(), compare.value());
  }
}

absl::Status MemoryEtcd::Check(
    const google::protobuf::RepeatedPtrField<etcdserverpb::RequestOp>&
        operations) const {
  std::set<std::string> written;
  for (const etcdserverpb::RequestOp& operation : operations) {
    if (!operation.has_request_put()) continue;
    const etcdserverpb::PutRequest& put = operation.request_put();
    if (!written.insert(put.key()).second) {
      return absl::InvalidArgumentError("duplicate key given in txn request");
    }
    if (put.lease() != 0 && !leases_.contains(put.lease())) {
      return absl::NotFoundError("requested lease not found");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<etcdserverpb::TxnResponse> MemoryEtcd::Txn(
    const etcdserverpb::TxnRequest& request) {
  if (std::max({request.compare_size(), request.success_size(),
                request.failure_size()}) > kMostOperations) {
    return absl::InvalidArgumentError("too many operations in txn request");
  }
  const bool succeeded =
      std::all_of(request.compare().begin(), request.compare().end(),
                  [this](const auto& compare) { return Holds(compare); });
  const auto& operations = succeeded ? request.success() : request.failure();
  if (absl::Status status = Check(operations); !status.ok()) return status;
  etcdserverpb::TxnResponse response;
  response.set_succeeded(succeeded);
  etcdserverpb::WatchResponse events;
  for (const etcdserverpb::RequestOp& operation : operations) {
    etcdserverpb::ResponseOp& done = *response.add_responses();
    if (operation.has_request_put()) {
      PutNow(operation.request_put(), events);
      done.mutable_response_put();
    } else if (operation.has_request_delete_range()) {
      const auto& range = operation.request_delete_range();
      done.mutable_response_delete_range()->set_deleted(
          DeleteNow(range.key(), range.range_end(), events));
    } else {
      const auto range = Range(operation.request_range());
      if (!range.ok()) return range.status();
      *done.mutable_response_range() = *range;
    }
  }
  Publish(events);
  response.mutable_header()->set_revision(revision_);
  return response;
}

absl::StatusOr<etcdserverpb::RangeResponse> MemoryEtcd::Range(
    const etcdserverpb::RangeRequest& request) const {
  if (request.revision() != 0 && request.revision() < compacted_) {
    return absl::OutOfRangeError("required revision has been compacted");
  }
  const Keys keys =
      request.revision() == 0 ? keys_ : KeysAt(request.revision());
  etcdserverpb::RangeResponse response;
  response.mutable_header()->set_revision(revision_);
  for (const auto& [name, key] : keys) {
    if (!IsIn(name, request.key(), request.range_end())) continue;
    response.set_count(response.count() + 1);
    if (request.limit() == 0 || response.kvs_size() < request.limit()) {
      *response.add_kvs() = key;
    } else {
      response.set_more(true);
    }
  }
  return response;
}

int64_t MemoryEtcd::GrantLease(int64_t time_to_live) {
  leases_[++last_lease_] = time_to_live;
  return last_lease_;
}

int64_t MemoryEtcd::TimeToLive(int64_t lease) const {
  const auto found = leases_.find(lease);
  return found == leases_.end() ? 0 : found->second;
}

void MemoryEtcd::EndLease(int64_t lease) {
  leases_.erase(lease);
  std::vector<std::string> held;
  for (const auto& [name, key] : keys_) {
    if (key.lease() == lease) held.push_back(name);
  }
  etcdserverpb::WatchResponse events;
  for (const std::string& name : held) DeleteNow(name, "", events);
  Publish(events);
}

void MemoryEtcd::Put(const std::string& key, const std::string& value) {
  etcdserverpb::PutRequest put;
  put.set_key(key);
  put.set_value(value);
  etcdserverpb::WatchResponse events;
  PutNow(put, events);
  Publish(events);
}

void MemoryEtcd::Delete(const std::string& key) {
  etcdserverpb::WatchResponse events;
  DeleteNow(key, "", events);
  Publish(events);
}

int64_t MemoryEtcd::LeaseOf(const std::string& key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? 0 : found->second.lease();
}

void MemoryEtcd::PutNow(const etcdserverpb::PutRequest& put,
                        etcdserverpb::WatchResponse& events) {
  etcdserverpb::KeyValue& key = keys_[put.key()];
  key.set_key(put.key());
  key.set_value(put.value());
  key.set_lease(put.lease());
  key.set_mod_revision(revision_ + 1);
  if (key.version() == 0) key.set_create_revision(revision_ + 1);
  key.set_version(key.version() + 1);
  etcdserverpb::Event& event = *events.add_events();
  event.set_type(etcdserverpb::Event::PUT);
  *event.mutable_kv() = key;
}

int64_t MemoryEtcd::DeleteNow(const std::string& from, const std::string& end,
                              etcdserverpb::WatchResponse& events) {
  return static_cast<int64_t>(std::erase_if(keys_, [&](const auto& entry) {
    if (!IsIn(entry.first, from, end)) return false;
    etcdserverpb::Event& event = *events.add_events();
    event.set_type(etcdserverpb::Event::DELETE);
    event.mutable_kv()->set_key(entry.first);
    event.mutable_kv()->set_mod_revision(revision_ + 1);
    return true;
  }));
}

void MemoryEtcd::Publish(const etcdserverpb::WatchResponse& events) {
  if (events.events().empty()) return;
  ++revision_;
  history_.insert(history_.end(), events.events().begin(),
                  events.events().end());
  // Each may add and take away others.
  const std::map<int, Listener> listeners = listeners_;
  for (const auto& [number, listener] : listeners) {
    if (listeners_.contains(number)) listener(events);
  }
}

MemoryEtcd::Keys MemoryEtcd::KeysAt(int64_t revision) const {
  Keys keys;
  for (const etcdserverpb::Event& event : history_) {
    if (event.kv().mod_revision() > revision) break;
    if (event.type() == etcdserverpb::Event::PUT) {
      keys[event.kv().key()] = event.kv();
    } else {
      keys.erase(event.kv().key());
    }
  }
  return keys;
}

etcdserverpb::WatchResponse MemoryEtcd::EventsSince(
    const etcdserverpb::WatchCreateRequest& request) const {
  etcdserverpb::WatchResponse response;
  response.mutable_header()->set_revision(revision_);
  if (request.start_revision() != 0 && request.start_revision() < compacted_) {
    response.set_canceled(true);
    response.set_compact_revision(compacted_);
    return response;
  }
  if (request.start_revision() == 0) return response;
  auto event = std::ranges::lower_bound(
      history_, request.start_revision(), {},
      [](const etcdserverpb::Event& e) { return e.kv().mod_revision(); });
  for (; event != history_.end(); ++event) {
    if (IsIn(event->kv().key(), request.key(), request.range_end())) {
      *response.add_events() = *event;
    }
  }
  return response;
}

int MemoryEtcd::Listen(Listener listener) {
  listeners_[++last_listener_] = std::move(listener);
  return last_listener_;
}

}  // namespace tcptool::fleet
