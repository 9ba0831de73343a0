// A log of the order in which objects have changed.
#ifndef TCPTOOL_SERVER_WATCH_CHANGE_LOG_H_
#define TCPTOOL_SERVER_WATCH_CHANGE_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <variant>

#include "absl/container/btree_map.h"

namespace tcptool::server {

// Each object has one entry, at the revision of its newest state: a change
// moves the entry to the end. An entry holds no state, only a `Key` by which
// the log's owner finds the object; for an object that was deleted it holds a
// `Deletion`, which is what the owner needs to know of it.
//
// A reader holds a revision, and reads the entries after it. The newest
// kMaxDeletions deletions are kept: a reader whose revision is before a
// deletion that was dropped cannot know what it has missed, see Remembers().
//
// Not for several threads.
template <typename Key, typename Deletion>
class ChangeLog {
 public:
  static constexpr size_t kMaxDeletions = 10'000;

  using Entry = std::variant<Key, Deletion>;
  using Entries = absl::btree_map<int64_t, Entry>;

  // Revisions begin above `revision`.
  explicit ChangeLog(int64_t revision)
      : revision_(revision), oldest_(revision) {}

  // The newest revision.
  int64_t revision() const { return revision_; }
  // The oldest revision after which every change is still known.
  int64_t oldest() const { return oldest_; }
  bool Remembers(int64_t revision) const {
    return revision >= oldest_ && revision <= revision_;
  }

  // Moves the object's entry from `revision` (0: it has none) to the end, and
  // sets `revision` to its new place.
  void Append(int64_t& revision, Key key) {
    Erase(revision);
    revision = ++revision_;
    entries_.emplace(revision, std::move(key));
  }
  // The object whose entry is at `revision` was deleted.
  void AppendDeletion(int64_t revision, Deletion deletion) {
    Erase(revision);
    deletions_.push_back(++revision_);
    entries_.emplace(revision_, std::move(deletion));
    if (deletions_.size() <= kMaxDeletions) return;
    oldest_ = deletions_.front();
    entries_.erase(oldest_);
    deletions_.pop_front();
  }
  // The object was deleted, and no reader needs to know.
  void Erase(int64_t revision) {
    if (revision != 0) entries_.erase(revision);
  }

  typename Entries::const_iterator After(int64_t revision) const {
    return entries_.upper_bound(revision);
  }
  typename Entries::const_iterator end() const { return entries_.end(); }

 private:
  int64_t revision_;
  int64_t oldest_;
  Entries entries_;
  std::deque<int64_t> deletions_;  // The revisions of those in the log.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_CHANGE_LOG_H_
