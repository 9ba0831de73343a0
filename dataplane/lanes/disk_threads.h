// Threads for what may wait for a disk, shared so that a disk which does not
// answer stops nobody else.
#ifndef TCPTOOL_DATAPLANE_LANES_DISK_THREADS_H_
#define TCPTOOL_DATAPLANE_LANES_DISK_THREADS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::dataplane {

// A pool that grows: a call to a disk or a network file system that is gone can
// hold its thread for ever (NFS, FUSE), so threads are not lent first come,
// first served. Each file and each disk has a share of them; what is beyond it
// waits, and what comes behind that goes on. Any thread may call any method.
class DiskThreads {
 public:
  struct Limits {
    size_t each_file = 4;
    size_t each_disk = 8;
    // Threads are made when they are needed, and kept. Enough for 31 disks that
    // hang at a time, which may be as many mounts of one file server, and one
    // that works.
    size_t all = 256;
  };

  // For whom a task runs. Two files of one disk wait for the same device.
  struct Client {
    uint64_t disk = 0;
    const void* file = nullptr;
  };

  using Task = absl::AnyInvocable<void()>;

  DiskThreads() : DiskThreads(Limits()) {}
  explicit DiskThreads(const Limits& limits) : limits_(limits) {}
  // As Join().
  ~DiskThreads();

  DiskThreads(const DiskThreads&) = delete;
  DiskThreads& operator=(const DiskThreads&) = delete;

  // Runs `task` on one of the threads: at once if the client's shares and the
  // whole allow, in turn otherwise. Tasks of one client begin in order. A task
  // may call it.
  void Run(const Client& client, Task task);

  // Returns true when everything has run. Nothing is run after that. Not on
  // one of the threads.
  // False: Abandon() was called before, or is meanwhile, and a task still runs.
  // This object, and all that the tasks use, must then never be destroyed.
  bool Join();

  // For a disk that does not answer, whose calls cannot be broken off: drops
  // what has not begun, and has Join() wait no longer for what has.
  void Abandon();

 private:
  struct Waiting {
    Client client;
    Task task;
  };

  // The first that may run, by the shares; end() if there is none.
  std::deque<Waiting>::iterator FindRunnable()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasWork() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work();

  const Limits limits_;
  absl::Mutex mutex_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  // How many tasks are running, of those that have any.
  std::map<uint64_t, size_t> by_disk_ ABSL_GUARDED_BY(mutex_);
  std::map<const void*, size_t> by_file_ ABSL_GUARDED_BY(mutex_);
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  bool joining_ ABSL_GUARDED_BY(mutex_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_DISK_THREADS_H_
