// tcptoold: the service. Starts it, and stops it when a signal says so.
#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>

#include "server/daemon.h"
#include "server/options.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace tcptool::server {
namespace {

// Connections are descriptors: takes as many as the system gives without asking
// for a privilege.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// An upload allocates and frees a message of 1 MiB after the other. By default
// malloc gives each back to the kernel, and the page faults of the next take
// longer than all the rest; so it keeps some.
void KeepFreedMemory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

// SIGTERM and SIGINT are waited for, not handled. Before any thread starts, so
// that all of them inherit it.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

int Main(int argc, char** argv) {
  const std::variant<Options, int> parsed = ParseOptions(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const Options& options = std::get<Options>(parsed);
  const sigset_t stop_signals = BlockStopSignals();
  RaiseDescriptorLimit();
  KeepFreedMemory();
  spdlog::set_default_logger(spdlog::stderr_logger_mt("tcptoold"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_level(options.log.level);

  Daemon daemon(options);
  if (absl::Status status = daemon.Start(); !status.ok()) {
    std::fprintf(stderr, "tcptoold: %s\n",
                 std::string(status.message()).c_str());
    return 1;
  }
  int signal = 0;
  sigwait(&stop_signals, &signal);
  spdlog::info("stopping signal={}", signal);
  daemon.Stop();
  return 0;
}

}  // namespace
}  // namespace tcptool::server

int main(int argc, char** argv) { return tcptool::server::Main(argc, argv); }
