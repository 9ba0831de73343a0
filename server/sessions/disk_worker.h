// Work that may block on a file system, with a deadline.
#ifndef TCPTOOL_SERVER_SESSIONS_DISK_WORKER_H_
#define TCPTOOL_SERVER_SESSIONS_DISK_WORKER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>

#include "absl/time/time.h"

namespace tcptool::server {

// A system call on a file system that does not answer (NFS without its server)
// cannot be cancelled, and blocks its thread. So each file system has threads
// of its own, and a caller gets an answer at the deadline whatever the thread
// does. A thread that is still blocked when the worker is destroyed is
// detached: it owns all that it uses.
//
// Any thread may call any method.
class DiskWorker {
 public:
  static constexpr size_t kMaxThreads = 2;
  static constexpr size_t kMaxQueued = 1000;

  // Delivers the result of the work; runs on the same thread as the work.
  using Answer = std::function<void()>;
  // May block on the disk.
  using Work = std::function<Answer()>;

  explicit DiskWorker(absl::Duration deadline);
  // As AnswerPending().
  ~DiskWorker();

  // Runs `work` on a thread of the worker, and then exactly one of two
  // functions: the answer that `work` returns, or `on_timeout`. `on_timeout` is
  // called when the deadline comes first, or at once if the queue is full or
  // all threads have been blocked for longer than the deadline. `work` may then
  // still run: it must own what it uses. Neither function may block.
  void Run(Work work, std::function<void()> on_timeout);
  // Calls `on_timeout` of everything that is not answered. When this returns,
  // no answer is running.
  void AnswerPending();

 private:
  struct Job;
  struct State;

  static void RunThread(const std::shared_ptr<State>& state);
  void WatchDeadlines();

  const std::shared_ptr<State> state_;
  std::thread deadlines_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_DISK_WORKER_H_
