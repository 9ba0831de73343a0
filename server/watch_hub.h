// Who is to be woken when something changes.
#ifndef TCPTOOL_SERVER_WATCH_HUB_H_
#define TCPTOOL_SERVER_WATCH_HUB_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::server {

class Watcher {
 public:
  virtual ~Watcher() = default;
  // Something has changed, or some time has passed. Must not wait.
  virtual void Wake() = 0;
  // Ends the watch, with UNAVAILABLE, once everything so far was sent.
  virtual void Stop() = 0;
};

// Any thread may call any method.
class WatchHub {
 public:
  explicit WatchHub(size_t max_watchers) : max_watchers_(max_watchers) {}

  // RESOURCE_EXHAUSTED: there are too many. UNAVAILABLE: StopAll() was called.
  absl::Status Add(std::shared_ptr<Watcher> watcher);
  void Remove(const std::shared_ptr<Watcher>& watcher);

  void WakeAll();
  void StopAll();

 private:
  using Watchers = absl::flat_hash_set<std::shared_ptr<Watcher>>;

  // A copy, so that no watcher is called under the lock.
  Watchers All() const;

  const size_t max_watchers_;
  mutable absl::Mutex mutex_;
  Watchers watchers_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_HUB_H_
