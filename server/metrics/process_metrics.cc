#include "server/metrics/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/metrics/metric_family.h"

namespace tcptool::server {
namespace {

// Descriptors in use, without the one that listing the directory takes.
std::optional<int64_t> OpenDescriptors() {
  std::error_code error;
  std::filesystem::directory_iterator each("/proc/self/fd", error);
  int64_t count = -1;
  while (!error && each != std::filesystem::directory_iterator()) {
    ++count;
    each.increment(error);
  }
  return error ? std::nullopt : std::optional(count);
}

// Pages of memory: all, and those that are resident.
struct Pages {
  double virtual_size = 0;
  double resident = 0;
};
std::optional<Pages> MemoryPages() {
  std::ifstream file("/proc/self/statm");
  Pages pages;
  if (!(file >> pages.virtual_size >> pages.resident)) return std::nullopt;
  return pages;
}

double Seconds(const timeval& time) {
  return absl::ToDoubleSeconds(absl::DurationFromTimeval(time));
}

}  // namespace

ProcessMetrics::ProcessMetrics()
    : start_(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch())) {}

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  const auto add = [&families](prometheus::MetricFamily family, double value) {
    Add(families.emplace_back(std::move(family)), value);
  };
  if (const auto open = OpenDescriptors()) {
    add(Gauge("process_open_fds", "Number of open file descriptors."), *open);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    add(Gauge("process_max_fds", "Maximum number of open file descriptors."),
        limit.rlim_cur);
  }
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    add(Counter("process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds."),
        Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  }
  if (const auto pages = MemoryPages()) {
    const double page = sysconf(_SC_PAGESIZE);
    add(Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes."),
        pages->virtual_size * page);
    add(Gauge("process_resident_memory_bytes",
              "Resident memory size in bytes."),
        pages->resident * page);
  }
  add(Gauge("process_start_time_seconds",
            "Start time of the process since unix epoch in seconds."),
      start_);
  return families;
}

}  // namespace tcptool::server
