// The watchers, and the thread that wakes them when something changes.
#ifndef TCPTOOL_SERVER_WATCH_WATCH_HUB_H_
#define TCPTOOL_SERVER_WATCH_WATCH_HUB_H_

#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/watch/progress_pace.h"

namespace tcptool::server {

class Watcher {
 public:
  virtual ~Watcher() = default;
  // Something has changed, or some time has passed. Must not wait.
  virtual void Wake() = 0;
  // Ends the watch, with UNAVAILABLE, once everything so far was sent.
  virtual void Stop() = 0;
};

// Any thread may call any method. Waking a thousand watchers is work for gRPC,
// and is done on a thread of the hub's own, so that whoever has changed
// something goes on.
class WatchHub {
 public:
  explicit WatchHub(size_t max_watchers);
  // No watcher is left.
  ~WatchHub();

  // RESOURCE_EXHAUSTED: there are too many. UNAVAILABLE: StopAll() was called.
  absl::Status Add(std::shared_ptr<Watcher> watcher);
  void Remove(const std::shared_ptr<Watcher>& watcher);

  // Watchers spend what they send of changes.
  ProgressPace& progress_pace() { return progress_pace_; }

  // Has the hub's thread wake all watchers within some milliseconds; several
  // calls before that wake them once.
  void WakeAll();
  void StopAll();

 private:
  using Watchers = absl::flat_hash_set<std::shared_ptr<Watcher>>;

  void Run();
  // A copy, so that no watcher is called under the lock.
  Watchers All() const;

  const size_t max_watchers_;
  ProgressPace progress_pace_;
  mutable absl::Mutex mutex_;
  Watchers watchers_ ABSL_GUARDED_BY(mutex_);
  bool wake_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Runs Run(), until the end.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_WATCH_HUB_H_
