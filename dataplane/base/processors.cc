#include "dataplane/base/processors.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tcptool::dataplane {
namespace {

namespace fs = std::filesystem;

// A hierarchy of cgroups that may have quotas, as it is mounted.
struct Hierarchy {
  bool unified = false;  // Version 2.
  fs::path mounted_at;
  std::string cgroup;  // Which cgroup is there, as /proc/self/cgroup says it.
};

// One line of /proc/self/mountinfo, by proc(5).
std::optional<Hierarchy> ParseMount(const std::string& line) {
  const std::pair<std::string, std::string> halves =
      absl::StrSplit(line, absl::MaxSplits(" - ", 1));
  const std::vector<std::string> mount = absl::StrSplit(halves.first, ' ');
  const std::vector<std::string> type = absl::StrSplit(halves.second, ' ');
  if (mount.size() < 5 || type.size() < 3) return std::nullopt;
  const bool unified = type[0] == "cgroup2";
  const std::vector<std::string> controllers = absl::StrSplit(type[2], ',');
  if (!unified &&
      (type[0] != "cgroup" || !absl::c_linear_search(controllers, "cpu"))) {
    return std::nullopt;
  }
  return Hierarchy{
      .unified = unified, .mounted_at = mount[4], .cgroup = mount[3]};
}

// The process's cgroup in a hierarchy. Lines are ID:CONTROLLERS:PATH, and those
// of version 2 have no controllers.
std::optional<std::string> OwnCgroup(const std::string& root, bool unified) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    if (unified ? parts[1].empty()
                : absl::c_linear_search(controllers, "cpu")) {
      return parts[2];
    }
  }
  return std::nullopt;
}

std::string ReadLine(const fs::path& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

std::optional<double> Quota(const fs::path& cgroup, bool unified) {
  std::pair<std::string, std::string> texts;  // In microseconds.
  if (unified) {
    texts =
        absl::StrSplit(ReadLine(cgroup / "cpu.max"), absl::MaxSplits(' ', 1));
  } else {
    texts = {ReadLine(cgroup / "cpu.cfs_quota_us"),
             ReadLine(cgroup / "cpu.cfs_period_us")};
  }
  double quota = 0;
  double period = 0;
  // "max", or -1: no quota.
  if (!absl::SimpleAtod(texts.first, &quota) ||
      !absl::SimpleAtod(texts.second, &period) || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  return quota / period;
}

size_t AffinityProcessors() {
  // The kernel refuses a set that is smaller than its own.
  for (int processors = 1024; processors <= 1 << 20; processors *= 2) {
    cpu_set_t* const set = CPU_ALLOC(processors);
    const size_t size = CPU_ALLOC_SIZE(processors);
    const bool known = sched_getaffinity(0, size, set) == 0;
    const bool too_small = !known && errno == EINVAL;
    const int count = known ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) return static_cast<size_t>(count);
    if (!too_small) break;
  }
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

std::optional<double> CgroupProcessors(const std::string& root) {
  std::optional<double> least;
  std::ifstream mounts(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const std::optional<Hierarchy> hierarchy = ParseMount(line);
    if (!hierarchy.has_value()) continue;
    const std::optional<std::string> own = OwnCgroup(root, hierarchy->unified);
    if (!own.has_value()) continue;
    // A container's mount often begins at its own cgroup. Where that is not
    // above this one, the mount's first is the nearest that can be seen.
    absl::string_view below = *own;
    if (hierarchy->cgroup != "/" &&
        (!absl::ConsumePrefix(&below, hierarchy->cgroup) ||
         !(below.empty() || below.front() == '/'))) {
      below = "";
    }
    const fs::path top = root + hierarchy->mounted_at.string();
    fs::path cgroup = top;
    const auto consider = [&] {
      const std::optional<double> quota = Quota(cgroup, hierarchy->unified);
      if (quota.has_value()) least = std::min(*quota, least.value_or(*quota));
    };
    consider();
    for (const absl::string_view name :
         absl::StrSplit(below, '/', absl::SkipEmpty())) {
      cgroup /= std::string(name);
      consider();
    }
  }
  return least;
}

size_t UsableProcessors() {
  const size_t processors = AffinityProcessors();
  const std::optional<double> quota = CgroupProcessors();
  if (!quota.has_value() || *quota >= static_cast<double>(processors)) {
    return processors;
  }
  return std::max(size_t{1}, static_cast<size_t>(std::ceil(*quota)));
}

}  // namespace tcptool::dataplane
