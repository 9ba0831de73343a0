#include "server/daemon/standby_thread.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/steady_cond_var.h"

namespace tcptool::server {

// What the thread uses, which may outlive the object.
struct StandbyThread::State {
  absl::Mutex mutex;
  SteadyCondVar changed;
  std::function<void()> task ABSL_GUARDED_BY(mutex);
  bool begins ABSL_GUARDED_BY(mutex) = false;
  bool ended ABSL_GUARDED_BY(mutex) = false;
};

StandbyThread::StandbyThread()
    : state_(std::make_shared<State>()),
      thread_([state = state_] { Main(state); }) {}

StandbyThread::~StandbyThread() {
  bool ends = false;
  {
    absl::MutexLock lock(&state_->mutex);
    ends = state_->ended || !state_->begins;
    state_->begins = true;
    state_->changed.NotifyAll();
  }
  ends ? thread_.join() : thread_.detach();
}

bool StandbyThread::Run(std::function<void()> task,
                        std::chrono::nanoseconds limit) {
  absl::MutexLock lock(&state_->mutex);
  state_->begins = true;
  state_->task = std::move(task);
  state_->changed.NotifyAll();
  const auto ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(state_->mutex) {
    return state_->ended;
  };
  return state_->changed.WaitFor(&state_->mutex, limit, ended);
}

void StandbyThread::Main(const std::shared_ptr<State>& state) {
  std::function<void()> task;
  {
    absl::MutexLock lock(&state->mutex);
    while (!state->begins) state->changed.Wait(&state->mutex);
    task = std::move(state->task);
  }
  if (task) task();
  task = nullptr;
  absl::MutexLock lock(&state->mutex);
  state->ended = true;
  state->changed.NotifyAll();
}

}  // namespace tcptool::server
