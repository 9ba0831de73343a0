// The order in which objects have changed, for those who follow it.
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
// moves it to the end. The log holds no states, only `Key`s with which its
// owner finds them; what an owner has to know of an object that is gone is its
// `Deletion`.
//
// A reader holds a revision and nothing else, and reads what comes after it. Of
// the deletions, the newest kMaxDeletions are kept: a reader that is behind one
// that is not cannot know what it has missed, see Remembers().
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

  // The newest one.
  int64_t revision() const { return revision_; }
  // The oldest one after which everything is still known.
  int64_t oldest() const { return oldest_; }
  bool Remembers(int64_t revision) const {
    return revision >= oldest_ && revision <= revision_;
  }

  // Moves the object's entry from `revision` (0: it has none) to the end, and
  // sets `revision` to where it is then.
  void Append(int64_t& revision, Key key) {
    Erase(revision);
    revision = ++revision_;
    entries_.emplace(revision, std::move(key));
  }
  // The object whose entry is at `revision` is gone.
  void AppendDeletion(int64_t revision, Deletion deletion) {
    Erase(revision);
    deletions_.push_back(++revision_);
    entries_.emplace(revision_, std::move(deletion));
    if (deletions_.size() <= kMaxDeletions) return;
    oldest_ = deletions_.front();
    entries_.erase(oldest_);
    deletions_.pop_front();
  }
  // The object is gone, and nobody needs to be told.
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
