#include "server/fleet/etcd/prefix_mirror.h"

#include <algorithm>
#include <set>
#include <utility>

namespace tcptool::fleet {

void PrefixMirror::BeginList() {
  is_listing_ = true;
  deleted_.clear();
}

PrefixMirror::Changes PrefixMirror::EndList(
    const std::vector<etcdserverpb::KeyValue>& keys, int64_t revision) {
  Changes changes;
  std::set<std::string> listed;
  for (const etcdserverpb::KeyValue& key : keys) {
    listed.insert(key.key());
    const auto deleted = deleted_.find(key.key());
    if (deleted == deleted_.end() || deleted->second <= revision) {
      Put(key, changes);
    }
  }
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    // One that is newer than the list cannot be in it.
    if (listed.contains(entry->first) ||
        entry->second.mod_revision > revision) {
      ++entry;
      continue;
    }
    changes.push_back({.kind = PrefixChange::Kind::kDelete,
                       .key = entry->first,
                       .entry = std::move(entry->second)});
    entry = entries_.erase(entry);
  }
  revision_ = std::max(revision_, revision);
  is_listing_ = false;
  deleted_.clear();
  return changes;
}

PrefixMirror::Changes PrefixMirror::Apply(
    const etcdserverpb::WatchResponse& response) {
  Changes changes;
  int64_t last = revision_;
  for (const etcdserverpb::Event& event : response.events()) {
    const int64_t revision = event.kv().mod_revision();
    // A list has had it already.
    if (revision <= revision_) continue;
    last = std::max(last, revision);
    if (event.type() == etcdserverpb::Event::PUT) {
      Put(event.kv(), changes);
      continue;
    }
    if (is_listing_) deleted_[event.kv().key()] = revision;
    const auto entry = entries_.find(event.kv().key());
    if (entry == entries_.end()) continue;
    changes.push_back({.kind = PrefixChange::Kind::kDelete,
                       .key = entry->first,
                       .entry = std::move(entry->second)});
    entries_.erase(entry);
  }
  // Those of one transaction have one revision, and are in one response.
  revision_ = last;
  return changes;
}

void PrefixMirror::Put(const etcdserverpb::KeyValue& key, Changes& changes) {
  PrefixEntry& entry = entries_[key.key()];
  if (key.mod_revision() <= entry.mod_revision) return;
  entry = {.value = key.value(),
           .create_revision = key.create_revision(),
           .mod_revision = key.mod_revision(),
           .lease = key.lease()};
  changes.push_back(
      {.kind = PrefixChange::Kind::kPut, .key = key.key(), .entry = entry});
}

}  // namespace tcptool::fleet
