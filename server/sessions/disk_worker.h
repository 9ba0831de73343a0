// Work that waits for a file system, with an end to the waiting.
#ifndef TCPTOOL_SERVER_SESSIONS_DISK_WORKER_H_
#define TCPTOOL_SERVER_SESSIONS_DISK_WORKER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>

#include "absl/time/time.h"

namespace tcptool::server {

// A system call on a file system that does not answer (NFS without its server)
// cannot be broken off, and blocks its thread. So each file system has threads
// of its own, and whoever waits for one is answered when the deadline is over,
// whatever the thread does. A thread that is still blocked when the worker is
// destroyed is left behind: it has nothing that is not its own.
//
// Any thread may call any method.
class DiskWorker {
 public:
  static constexpr size_t kMaxThreads = 2;
  static constexpr size_t kMaxQueued = 1000;

  // Runs on the thread that has done the work, where what it has found is used.
  using Answer = std::function<void()>;
  // May wait for the disk.
  using Work = std::function<Answer()>;

  explicit DiskWorker(absl::Duration deadline);
  // As AnswerPending().
  ~DiskWorker();

  // Calls `work` on a thread of the worker's, and then either the answer that
  // this gives or `on_timeout`, exactly one of them: `on_timeout` when the
  // deadline is over first, or at once when the queue is full or all threads
  // have been blocked for longer than the deadline. `work` may then run, or go
  // on, for as long as it likes: it must own what it uses. What is called last
  // must not wait.
  void Run(Work work, std::function<void()> on_timeout);
  // Calls `on_timeout` of all that is not answered, and returns when no answer
  // is being called any more.
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
