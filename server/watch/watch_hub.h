// The watchers, and the thread that wakes them when something changes.
#ifndef TCPTOOL_SERVER_WATCH_WATCH_HUB_H_
#define TCPTOOL_SERVER_WATCH_WATCH_HUB_H_

#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/base/steady_cond_var.h"
#include "server/watch/progress_pace.h"

namespace tcptool::server {

class Watcher {
 public:
  virtual ~Watcher() = default;
  // There may be something to send. Must not block.
  virtual void Wake() = 0;
  // Ends the watch, with UNAVAILABLE, once everything so far was sent.
  virtual void Stop() = 0;
};

// Any thread may call any method. Waking a thousand watchers takes time in
// gRPC, so a thread of the hub does it, not the one that made the change.
class WatchHub {
 public:
  explicit WatchHub(size_t max_watchers);
  // All watchers must have been removed.
  ~WatchHub();

  // RESOURCE_EXHAUSTED: there are too many. UNAVAILABLE: StopAll() was called.
  absl::Status Add(std::shared_ptr<Watcher> watcher);
  void Remove(const std::shared_ptr<Watcher>& watcher);

  // Watchers report the changes that they send to it.
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
  SteadyCondVar ended_changed_;
  std::thread thread_;  // Runs Run(), until the end.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_WATCH_HUB_H_
