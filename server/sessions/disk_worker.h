// Work that may block on a file system, with a deadline.
#ifndef TCPTOOL_SERVER_SESSIONS_DISK_WORKER_H_
#define TCPTOOL_SERVER_SESSIONS_DISK_WORKER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace tcptool::server {

// A system call on a file system that does not answer (NFS without its server)
// cannot be cancelled, and blocks its thread. So each file system has threads
// of its own, and a caller gets an answer at the deadline whatever the thread
// does. A thread that is still blocked when the worker is destroyed is
// detached: it owns all that it uses.
//
// Work is of three kinds, which do not wait for each other's threads: a file
// system may open files, and hang when a directory is listed; and a large
// directory takes its time.
//
// Any thread may call any method.
class DiskWorker {
 public:
  enum class Kind {
    kAsked,      // Somebody waits for it.
    kListing,    // Somebody looks around. One after the other.
    kTidyingUp,  // Nobody does. One after the other.
  };
  static constexpr size_t kMaxThreads = 2;         // For kAsked.
  static constexpr size_t kMaxListingThreads = 1;  // For kListing.
  static constexpr size_t kMaxTidyingThreads = 1;  // For kTidyingUp.
  static constexpr size_t kMaxAllThreads =
      kMaxThreads + kMaxListingThreads + kMaxTidyingThreads;
  static constexpr size_t kMaxQueued = 1000;

  // Delivers the result of the work; runs on the same thread as the work.
  using Answer = std::function<void()>;
  // May block on the disk.
  using Work = std::function<Answer()>;
  // Why there is no answer.
  enum class Failure {
    kTimeout,   // The disk does not answer, or the worker ends.
    kNoThread,  // The system gives the process no thread for it.
  };
  using OnFailure = std::function<void(Failure)>;

  explicit DiskWorker(absl::Duration deadline);
  // As AnswerPending().
  ~DiskWorker();

  // Runs `work` on a thread of its kind, and then exactly one of two functions:
  // the answer that `work` returns, or `on_failure`. That is called when the
  // deadline comes first, or at once if the kind's queue is full, if all its
  // threads have been blocked for longer than the deadline, or if there is no
  // thread. `work` may still run after kTimeout, and when the worker is gone:
  // it must own what it uses. `on_failure` is destroyed as soon as one of the
  // two has been called. Neither function may block.
  void Run(Kind kind, Work work, OnFailure on_failure);
  // Calls `on_failure`, with kTimeout, of everything that is not answered. When
  // this returns, no answer is running.
  void AnswerPending();

 private:
  struct Job;
  struct Crew;
  struct State;

  // Makes a thread of that kind, if there is to be another one for so many
  // jobs. False: there is none at all. With the state's lock.
  bool HasThreadFor(Kind kind, size_t queued) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  static void RunThread(const std::shared_ptr<State>& state, Kind kind);
  void WatchDeadlines();

  const std::shared_ptr<State> state_;
  std::thread deadlines_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_DISK_WORKER_H_
