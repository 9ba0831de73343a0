// The threads of this process that wait for a disk, those too that an engine
// has left behind.
#ifndef TCPTOOL_TESTS_DATAPLANE_DISK_THREADS_H_
#define TCPTOOL_TESTS_DATAPLANE_DISK_THREADS_H_

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace tcptool::dataplane {

inline size_t DiskThreadsAlive() {
  size_t count = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    count += name == "disk";
  }
  return count;
}

// False: some were still alive after `most`.
inline bool AwaitEndOfDiskThreads(absl::Duration most) {
  const absl::Time deadline = absl::Now() + most;
  while (DiskThreadsAlive() > 0) {
    if (absl::Now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_DISK_THREADS_H_
