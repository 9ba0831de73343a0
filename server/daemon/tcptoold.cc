// tcptoold: the service. Starts it, and stops it when a signal says so.
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>

#include "absl/synchronization/mutex.h"
#include "process/standard_descriptors.h"
#include "server/base/log.h"
#include "server/base/systemd_notify.h"
#include "server/daemon/daemon.h"
#include "server/daemon/options.h"
#include "server/daemon/standby_thread.h"

namespace tcptool::server {
namespace {

// How often a drain looks for a second signal.
constexpr absl::Duration kSignalInterval = absl::Milliseconds(20);
constexpr timespec kNoTime = {};

// A drain asks the service manager for more time every few seconds, each time
// for so much, which is enough for Daemon::Stop() too: --drain-timeout alone
// says how long transfers may go on.
constexpr auto kExtendInterval = std::chrono::seconds(5);
constexpr absl::Duration kExtension = absl::Seconds(30);

// For calls to end, and for what serves them, once all transfers have ended. It
// takes a few seconds where clients do not read, and 10 s where the state's
// disk does not answer.
constexpr auto kEndLimit = std::chrono::seconds(15);

// An upload allocates one message of 1 MiB after the other, on any of gRPC's
// threads, and a lane frees them. By default malloc returns each to the kernel,
// and threads use arenas of their own that do not find the memory which others
// freed: page faults for fresh memory would take most of an upload's time.
void KeepFreedMemory() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

// Debian builds Abseil with deadlock detection: each acquisition of an
// absl::Mutex, and gRPC has many, updates a graph under one global lock. Debug
// builds, and so the tests, keep it.
void TurnOffDeadlockDetection() {
#ifdef NDEBUG
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
}

// SIGTERM and SIGINT are blocked and waited for; there are no handlers. SIGHUP,
// which has other services read their files again, is ignored: certificates and
// tokens are read again without it, and by default it would kill the process.
// So would SIGXFSZ, when a file is about to be larger than it may be
// (RLIMIT_FSIZE); ignored, that is an error of the write. Call it before any
// thread starts: threads inherit the signal mask.
sigset_t BlockStopSignals() {
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "tcptoold: %s\n", std::string(status.message()).c_str());
  return 1;
}

// Until one of `signals` comes, which is returned. The service manager, if it
// has a watchdog, is told meanwhile that the service works: twice within its
// timeout, as sd_watchdog_enabled(3) advises.
int WaitForSignal(const sigset_t& signals, Daemon& daemon) {
  const absl::Duration watchdog = WatchdogTimeout();
  if (watchdog == absl::ZeroDuration()) {
    int signal = 0;
    sigwait(&signals, &signal);
    return signal;
  }
  const timespec interval = absl::ToTimespec(watchdog / 2);
  while (true) {
    if (daemon.PollLiveness()) NotifyServiceManager("WATCHDOG=1");
    const int signal = sigtimedwait(&signals, nullptr, &interval);
    if (signal > 0) return signal;
  }
}

// Lets what runs go on until it is done, for `timeout` at most, or until one of
// `signals` comes.
void WaitForDrain(const sigset_t& signals, absl::Duration timeout,
                  Daemon& daemon) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + absl::ToChronoNanoseconds(timeout);
  auto extend_at = Clock::now();
  while (Clock::now() < deadline && !daemon.WaitUntilIdle(kSignalInterval) &&
         sigtimedwait(&signals, nullptr, &kNoTime) < 0) {
    if (Clock::now() < extend_at) continue;
    ExtendServiceTimeout(kExtension);
    extend_at = Clock::now() + kExtendInterval;
  }
}

// A sentence for people; an event where the log is JSON.
int FailToStart(const absl::Status& status, const Options& options) {
  if (!options.log.json) return Fail(status);
  LogError("not_started", {{"error", std::string(status.message())}});
  FlushLog();
  return 1;
}

// Runs `end`, after which nothing is left but to return `code`. If it takes too
// long, the process ends here, with the same.
void End(StandbyThread& thread, const std::function<void()>& end, int code) {
  if (thread.Run(end, kEndLimit)) return;
  LogError(
      "stop_incomplete",
      {{"detail", "gRPC does not end; all transfers have, and are stored"}});
  FlushLog();
  _exit(code);
}

int Main(int argc, char** argv) {
  const std::variant<Options, int> parsed = ParseOptions(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const Options& options = std::get<Options>(parsed);
  if (options.check_config) {
    const absl::Status status = Daemon::Check(options);
    return status.ok() ? 0 : Fail(status);
  }
  const sigset_t stop_signals = BlockStopSignals();
  KeepFreedMemory();
  TurnOffDeadlockDetection();
  SetUpLog(options.log);

  if (absl::Status status = Daemon::CheckThreads(options); !status.ok()) {
    return FailToStart(status, options);
  }
  StandbyThread ending;
  auto daemon = std::make_shared<Daemon>(options);
  if (absl::Status status = daemon->Start(); !status.ok()) {
    const int code = FailToStart(status, options);
    End(
        ending, [&daemon] { daemon = nullptr; }, code);
    return code;
  }
  NotifyServiceManager("READY=1");
  const int signal = WaitForSignal(stop_signals, *daemon);
  LogInfo("stopping", {{"signal", signal}});
  NotifyServiceManager("STOPPING=1");
  daemon->Drain();
  WaitForDrain(stop_signals, options.state.drain_timeout, *daemon);
  daemon->EndTransfers();
  const auto stop = [&daemon] {
    daemon->Stop();
    daemon = nullptr;
  };
  End(ending, stop, 0);
  LogInfo("stopped");
  FlushLog();
  return 0;
}

}  // namespace
}  // namespace tcptool::server

int main(int argc, char** argv) {
  tcptool::ReserveStandardDescriptors();
  return tcptool::server::Main(argc, argv);
}
