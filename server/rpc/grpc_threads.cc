#include "server/rpc/grpc_threads.h"

#include <grpc/support/cpu.h>
#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/steady_cond_var.h"

namespace tcptool::server {
namespace {

// The executor has at most so many, and an additional one starts with each task
// that finds two others in front of it.
size_t ExecutorThreads() { return std::max(1u, 2 * gpr_cpu_num_cores()); }
constexpr size_t kTasksPerThread = 3;

// For tasks that do nothing, on a busy machine.
constexpr std::chrono::seconds kLimit{10};

// Of tasks that wait until all of them are there.
struct Tasks {
  void Run() {
    absl::MutexLock lock(&mutex);
    while (!all_are_there) changed.Wait(&mutex);
    ++ended;
    changed.NotifyAll();
  }

  absl::Mutex mutex;
  SteadyCondVar changed;
  bool all_are_there ABSL_GUARDED_BY(mutex) = false;
  size_t ended ABSL_GUARDED_BY(mutex) = 0;
};

}  // namespace

size_t GrpcThreads() {
  const size_t cores = gpr_cpu_num_cores();
  // Those that wait for sockets, the pool of its event engine, and a few of
  // which there are one or two: for timers, and for names.
  constexpr size_t kSingle = 6;
  return ExecutorThreads() + std::clamp<size_t>(cores / 2, 2, 16) +
         std::clamp<size_t>(cores, 2, 32) + kSingle;
}

void KeepGrpcThreads() {
  // A channel that never connects has a part in all of them. Volatile, as the
  // compiler leaves out a variable that nobody reads, and LeakSanitizer takes
  // for lost what nobody points to.
  static const std::shared_ptr<grpc::Channel>* const volatile kept =
      new std::shared_ptr<grpc::Channel>(grpc::CreateChannel(
          "unix:/never/connected", grpc::InsecureChannelCredentials()));
  static_cast<void>(kept);
}

absl::Status StartGrpcThreads() {
  auto tasks = std::make_unique<Tasks>();
  const size_t count = kTasksPerThread * ExecutorThreads();
  // The callback of an alarm runs on the executor; that of one which was due in
  // the past is given to it at once, and not by a timer.
  std::deque<grpc::Alarm> alarms(count);
  for (grpc::Alarm& alarm : alarms) {
    alarm.Set(std::chrono::system_clock::time_point(),
              [tasks = tasks.get()](bool) { tasks->Run(); });
  }
  {
    absl::MutexLock lock(&tasks->mutex);
    tasks->all_are_there = true;
    tasks->changed.NotifyAll();
    const auto all_ended = [&]() ABSL_SHARED_LOCKS_REQUIRED(tasks->mutex) {
      return tasks->ended == count;
    };
    if (tasks->changed.WaitFor(&tasks->mutex, kLimit, all_ended)) {
      return absl::OkStatus();
    }
  }
  // What has not run may still do it.
  static_cast<void>(tasks.release());
  return absl::UnavailableError(
      "gRPC does not get its threads; raise the limit of tasks (TasksMax= of a "
      "unit, a container's limit of pids, ulimit -u)");
}

}  // namespace tcptool::server
