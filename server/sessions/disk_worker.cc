#include "server/sessions/disk_worker.h"

#include <chrono>
#include <deque>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/steady_cond_var.h"

namespace tcptool::server {
namespace {

using Clock = std::chrono::steady_clock;

// How long the destructor waits for threads that are about to end.
constexpr std::chrono::milliseconds kThreadsEnd{200};

}  // namespace

struct DiskWorker::Job {
  // Answers with the first call, and does nothing with later ones.
  void AnswerOnce(const Answer& answer) {
    absl::MutexLock lock(&mutex);
    if (std::exchange(answered, true)) return;
    answer();
    on_failure = nullptr;
  }
  void FailOnce(Failure failure) {
    AnswerOnce([this, failure]()
                   ABSL_NO_THREAD_SAFETY_ANALYSIS { on_failure(failure); });
  }

  Work work;
  Clock::time_point deadline;
  Clock::time_point begin = Clock::time_point::max();  // Until it runs.

  absl::Mutex mutex;  // Held while an answer is called.
  OnFailure on_failure ABSL_GUARDED_BY(mutex);
  bool answered ABSL_GUARDED_BY(mutex) = false;
};

struct DiskWorker::State {
  explicit State(absl::Duration limit)
      : limit(absl::ToChronoNanoseconds(limit)) {}

  // All threads have been blocked for longer than the deadline.
  bool IsBlocked(Clock::time_point now) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex) {
    if (running.size() < kMaxThreads) return false;
    for (const auto& job : running) {
      if (now - job->begin < limit) return false;
    }
    return true;
  }

  const std::chrono::nanoseconds limit;
  absl::Mutex mutex;
  SteadyCondVar changed;
  std::deque<std::shared_ptr<Job>> queue ABSL_GUARDED_BY(mutex);
  std::vector<std::shared_ptr<Job>> running ABSL_GUARDED_BY(mutex);
  // In the order of their deadlines; some may be answered already.
  std::deque<std::shared_ptr<Job>> pending ABSL_GUARDED_BY(mutex);
  size_t threads ABSL_GUARDED_BY(mutex) = 0;
  size_t idle ABSL_GUARDED_BY(mutex) = 0;
  bool closing ABSL_GUARDED_BY(mutex) = false;
};

DiskWorker::DiskWorker(absl::Duration deadline)
    : state_(std::make_shared<State>(deadline)),
      deadlines_([this] { WatchDeadlines(); }) {}

DiskWorker::~DiskWorker() {
  AnswerPending();
  {
    absl::MutexLock lock(&state_->mutex);
    state_->closing = true;
    state_->queue.clear();
    state_->changed.NotifyAll();
    const auto ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(state_->mutex) {
      return state_->threads == 0;
    };
    state_->changed.WaitFor(&state_->mutex, kThreadsEnd, ended);
  }
  deadlines_.join();
}

void DiskWorker::Run(Work work, OnFailure on_failure) {
  auto job = std::make_shared<Job>();
  const auto now = Clock::now();
  job->work = std::move(work);
  job->deadline = now + state_->limit;
  Failure failure = Failure::kTimeout;
  {
    absl::MutexLock lock(&state_->mutex);
    if (!state_->closing && state_->queue.size() < kMaxQueued &&
        !state_->IsBlocked(now)) {
      if (HasThreadFor(state_->queue.size() + 1)) {
        {
          absl::MutexLock job_lock(&job->mutex);
          job->on_failure = std::move(on_failure);
        }
        state_->queue.push_back(job);
        state_->pending.push_back(job);
        state_->changed.NotifyAll();
        return;
      }
      failure = Failure::kNoThread;
    }
  }
  on_failure(failure);
}

bool DiskWorker::HasThreadFor(size_t queued) {
  if (state_->idle >= queued || state_->threads == kMaxThreads) return true;
  try {
    std::thread([state = state_] { RunThread(state); }).detach();
    ++state_->threads;
  } catch (const std::system_error&) {
    // One that works on something else may get to it in time.
  }
  return state_->threads > 0;
}

void DiskWorker::AnswerPending() {
  std::deque<std::shared_ptr<Job>> pending;
  {
    absl::MutexLock lock(&state_->mutex);
    pending.swap(state_->pending);
  }
  for (const auto& job : pending) job->FailOnce(Failure::kTimeout);
}

void DiskWorker::RunThread(const std::shared_ptr<State>& state) {
  while (true) {
    std::shared_ptr<Job> job;
    {
      absl::MutexLock lock(&state->mutex);
      ++state->idle;
      while (!state->closing && state->queue.empty()) {
        state->changed.Wait(&state->mutex);
      }
      --state->idle;
      if (state->queue.empty()) {
        --state->threads;
        state->changed.NotifyAll();
        return;
      }
      job = std::move(state->queue.front());
      state->queue.pop_front();
      job->begin = Clock::now();
      state->running.push_back(job);
    }
    const Answer answer = job->work();
    job->work = nullptr;
    job->AnswerOnce(answer);
    absl::MutexLock lock(&state->mutex);
    std::erase(state->running, job);
  }
}

void DiskWorker::WatchDeadlines() {
  while (true) {
    std::shared_ptr<Job> due;
    {
      absl::MutexLock lock(&state_->mutex);
      while (due == nullptr) {
        if (state_->closing) return;
        if (state_->pending.empty()) {
          state_->changed.Wait(&state_->mutex);
          continue;
        }
        const auto left = state_->pending.front()->deadline - Clock::now();
        if (left > Clock::duration::zero()) {
          state_->changed.WaitFor(&state_->mutex, left);
          continue;
        }
        due = state_->pending.front();
      }
    }
    due->FailOnce(Failure::kTimeout);
    // Removed only after the call, so that AnswerPending() waits for it.
    absl::MutexLock lock(&state_->mutex);
    if (!state_->pending.empty() && state_->pending.front() == due) {
      state_->pending.pop_front();
    }
  }
}

}  // namespace tcptool::server
