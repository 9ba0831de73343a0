#include "server/fleet/etcd/prefix_mirror.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace tcptool::fleet {

void PrefixMirror::BeginList() {
  is_listing_ = true;
  begun_at_ = revision_;
  deleted_.clear();
}

bool PrefixMirror::HasGoneBack(const std::vector<etcdserverpb::KeyValue>& keys,
                               int64_t revision) const {
  if (revision < begun_at_) return true;
  return std::ranges::any_of(keys, [&](const etcdserverpb::KeyValue& key) {
    const auto known = entries_.find(key.key());
    return known != entries_.end() && known->second.mod_revision <= revision &&
           key.mod_revision() < known->second.mod_revision;
  });
}

PrefixMirror::Changes PrefixMirror::EndList(
    const std::vector<etcdserverpb::KeyValue>& keys, int64_t revision) {
  is_listing_ = false;
  const std::map<std::string, int64_t> deleted_since =
      std::exchange(deleted_, {});
  if (HasGoneBack(keys, revision)) {
    revision_ = revision;
    return BeginAnew(keys);
  }
  Changes changes;
  std::set<std::string> listed;
  for (const etcdserverpb::KeyValue& key : keys) {
    listed.insert(key.key());
    const auto deleted = deleted_since.find(key.key());
    if (deleted == deleted_since.end() || deleted->second <= revision) {
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
  return changes;
}

PrefixMirror::Changes PrefixMirror::BeginAnew(
    const std::vector<etcdserverpb::KeyValue>& keys) {
  std::map<std::string, PrefixEntry> before = std::exchange(entries_, {});
  Changes puts;
  for (const etcdserverpb::KeyValue& key : keys) {
    const auto old = before.find(key.key());
    const bool is_the_same =
        old != before.end() &&
        old->second.create_revision == key.create_revision() &&
        old->second.mod_revision == key.mod_revision() &&
        old->second.value == key.value();
    Changes unchanged;
    Put(key, is_the_same ? unchanged : puts);
    // Otherwise what there was is told to be gone first.
    if (old != before.end() &&
        old->second.create_revision == key.create_revision()) {
      before.erase(old);
    }
  }
  Changes changes;
  for (auto& [key, entry] : before) {
    changes.push_back({.kind = PrefixChange::Kind::kDelete,
                       .key = key,
                       .entry = std::move(entry)});
  }
  changes.insert(changes.end(), std::make_move_iterator(puts.begin()),
                 std::make_move_iterator(puts.end()));
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
