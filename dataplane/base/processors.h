// How many processors the process may use.
#ifndef TCPTOOL_DATAPLANE_BASE_PROCESSORS_H_
#define TCPTOOL_DATAPLANE_BASE_PROCESSORS_H_

#include <cstddef>
#include <optional>
#include <string>

namespace tcptool::dataplane {

// How many processors' time the CPU quotas of the process's cgroup, and of
// those above it, allow; nothing if there are none, or they cannot be seen.
// Versions 1 and 2. `root` is a directory that has "proc" and what is mounted,
// for tests; empty: the system's.
std::optional<double> CgroupProcessors(const std::string& root = "");

// The processors of the calling thread's affinity (taskset, cpusets), or fewer
// where a CPU quota allows less: at least 1, and a part of one counts as one.
// More threads than that would only be throttled. Read from the system at each
// call. Any thread.
size_t UsableProcessors();

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_PROCESSORS_H_
