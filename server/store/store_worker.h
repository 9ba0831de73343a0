// Writes changes to the database, and does not wait for a disk that is gone.
#ifndef TCPTOOL_SERVER_STORE_STORE_WORKER_H_
#define TCPTOOL_SERVER_STORE_STORE_WORKER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/unique_fd.h"
#include "server/base/steady_cond_var.h"
#include "server/store/sqlite.h"
#include "server/store/store_changes.h"

namespace tcptool::server {

// One thread writes all changes since the last transaction in one transaction,
// and tries those that cannot be written again every second. Another one
// watches it: a disk that is gone may hold the first for ever, in a call that
// cannot be broken off. Whoever waits is then answered after `patience`, and
// at once from then on until the disk is back.
//
// Any thread may call any method. The threads own what they use.
class StoreWorker {
 public:
  // As Store's. Called under the worker's lock.
  using Observe =
      std::function<void(const char* operation, absl::Duration, bool ok)>;
  // Called on one of the worker's threads; must not wait.
  using Done = std::function<void(absl::Status)>;

  // `lock`: kept as long as the database may be written to.
  StoreWorker(const std::string& path, dataplane::UniqueFd lock,
              SqliteDatabase database, Observe observe,
              std::chrono::nanoseconds patience);
  // Blocks until pending changes are written, or have failed once more, and the
  // database is closed; for `patience` at most. The thread of a disk that does
  // not answer is left behind.
  ~StoreWorker();

  // For the time before the first change.
  SqliteDatabase& database() { return state_->database; }

  // Changes what is to be written, by `change(StoreChanges&)`.
  template <typename Change>
  void Add(Change change) {
    absl::MutexLock lock(&state_->mutex);
    change(state_->changes);
  }
  // Calls `done` when all changes added before are durable, or with the error
  // that prevents it.
  void WhenDurable(Done done);
  // The result of the last transaction; UNAVAILABLE while the disk hangs.
  absl::Status health() const;

 private:
  struct State {
    State(const std::string& path, dataplane::UniqueFd lock,
          SqliteDatabase database, Observe observe,
          std::chrono::nanoseconds patience)
        : path(path),
          lock(std::move(lock)),
          database(std::move(database)),
          observe(std::move(observe)),
          patience(patience) {}

    // Of the two threads.
    void Write();
    void Watch();

    // Waits for the disk.
    void CloseFiles();
    absl::Status WriteNow(const StoreChanges& unwritten);
    void Report(const absl::Status& status)
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
    absl::Status Hangs() const;

    const std::string path;
    // Of Write(), once that has something to do.
    dataplane::UniqueFd lock;
    SqliteDatabase database;
    const Observe observe;
    const std::chrono::nanoseconds patience;

    mutable absl::Mutex mutex;
    SteadyCondVar changed;  // One of these has, of which somebody waits for.
    StoreChanges changes ABSL_GUARDED_BY(mutex);
    std::vector<Done> done ABSL_GUARDED_BY(mutex);
    // Of the transaction that runs: since when, and who waits for it. The last
    // one ends when the files are closed.
    std::optional<dataplane::Clock::time_point> writing_since
        ABSL_GUARDED_BY(mutex);
    std::vector<Done> writing_for ABSL_GUARDED_BY(mutex);
    bool hangs ABSL_GUARDED_BY(mutex) = false;
    bool closing ABSL_GUARDED_BY(mutex) = false;
    bool is_whole ABSL_GUARDED_BY(mutex) = false;  // All has been written.
    bool ended ABSL_GUARDED_BY(mutex) = false;     // Write() has.
    // Nobody waits for Write() any more, which tells nobody anything.
    bool abandoned ABSL_GUARDED_BY(mutex) = false;
    absl::Status health ABSL_GUARDED_BY(mutex);
  };

  const std::shared_ptr<State> state_;
  std::thread writer_;
  std::thread watcher_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_STORE_WORKER_H_
