// Threads that close files, each disk's in turn.
#ifndef TCPTOOL_DATAPLANE_BASE_CLOSING_THREADS_H_
#define TCPTOOL_DATAPLANE_BASE_CLOSING_THREADS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "dataplane/base/clock.h"

namespace tcptool::dataplane {

// close(2) of a file of NFS or FUSE waits for its server: for ever, if that is
// gone. So each disk has a queue, and one thread at most that works on it: a
// disk that hangs holds one thread, and what has to be closed on it. Threads
// are made when they are needed, and kept. Where none can be had, the queues
// wait for those that there are, and another is asked for with the next task.
//
// Any thread may call any method; none of them waits.
class ClosingThreads {
 public:
  using Task = absl::AnyInvocable<void()>;

  // As many disks may hang, but for one, before those of others wait.
  static constexpr size_t kMaxThreads = 64;

  // Those of the process, which are never destroyed: nobody waits for them.
  static ClosingThreads& OfProcess();

  explicit ClosingThreads(size_t max_threads = kMaxThreads);
  // Drops what has not begun. A thread that hangs is left behind.
  ~ClosingThreads();

  ClosingThreads(const ClosingThreads&) = delete;
  ClosingThreads& operator=(const ClosingThreads&) = delete;

  // Runs `task`, which may wait for `disk` (see DiskOf()), after those of the
  // same disk that were given before.
  void Run(uint64_t disk, Task task);

  struct Backlog {
    size_t tasks = 0;           // That have not ended.
    Clock::duration running{};  // For so long the first of them has run.
  };
  Backlog BacklogOf(uint64_t disk) const;

 private:
  struct Queue;
  struct State;

  static void Work(const std::shared_ptr<State>& state);

  const std::shared_ptr<State> state_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_CLOSING_THREADS_H_
