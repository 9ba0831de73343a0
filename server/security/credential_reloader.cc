#include "server/security/credential_reloader.h"

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/steady_cond_var.h"

namespace tcptool::server {
namespace {

constexpr auto kInterval = std::chrono::seconds(1);
constexpr auto kStopLimit = std::chrono::seconds(1);

}  // namespace

struct CredentialReloader::State {
  absl::Mutex mutex;
  SteadyCondVar changed;  // Notified when `stopped` or `ended` is set.
  bool stopped ABSL_GUARDED_BY(mutex) = false;
  bool ended ABSL_GUARDED_BY(mutex) = false;  // Run() is about to return.
  std::optional<dataplane::Clock::time_point> began ABSL_GUARDED_BY(mutex);
};

CredentialReloader::CredentialReloader(std::function<void()> reload)
    : state_(std::make_shared<State>()),
      thread_([state = state_, reload = std::move(reload)] {
        Run(state, reload);
      }) {}

CredentialReloader::~CredentialReloader() {
  bool ended = false;
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stopped = true;
    state_->changed.NotifyAll();
    const auto has_ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(state_->mutex) {
      return state_->ended;
    };
    ended = state_->changed.WaitFor(&state_->mutex, kStopLimit, has_ended);
  }
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

dataplane::Clock::duration CredentialReloader::running_for() const {
  absl::MutexLock lock(&state_->mutex);
  if (!state_->began) return dataplane::Clock::duration::zero();
  return dataplane::Clock::now() - *state_->began;
}

void CredentialReloader::Run(const std::shared_ptr<State>& state,
                             const std::function<void()>& reload) {
  absl::MutexLock lock(&state->mutex);
  const auto stopped = [&state]() ABSL_SHARED_LOCKS_REQUIRED(state->mutex) {
    return state->stopped;
  };
  while (!state->changed.WaitFor(&state->mutex, kInterval, stopped)) {
    state->began = dataplane::Clock::now();
    state->mutex.Unlock();
    reload();
    state->mutex.Lock();
    state->began.reset();
  }
  state->ended = true;
  state->changed.NotifyAll();
}

}  // namespace tcptool::server
