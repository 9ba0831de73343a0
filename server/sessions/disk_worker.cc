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

size_t MaxThreads(DiskWorker::Kind kind) {
  switch (kind) {
    case DiskWorker::Kind::kAsked:
      break;
    case DiskWorker::Kind::kListing:
      return DiskWorker::kMaxListingThreads;
    case DiskWorker::Kind::kTidyingUp:
      return DiskWorker::kMaxTidyingThreads;
  }
  return DiskWorker::kMaxThreads;
}

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

// The threads of one kind, and their work.
struct DiskWorker::Crew {
  // All of `most` threads have been blocked for longer than `limit`.
  bool IsBlocked(size_t most, std::chrono::nanoseconds limit,
                 Clock::time_point now) const {
    if (running.size() < most) return false;
    for (const auto& job : running) {
      if (now - job->begin < limit) return false;
    }
    return true;
  }

  std::deque<std::shared_ptr<Job>> queue;
  std::vector<std::shared_ptr<Job>> running;
  size_t threads = 0;
  size_t idle = 0;
};

struct DiskWorker::State {
  explicit State(absl::Duration limit)
      : limit(absl::ToChronoNanoseconds(limit)) {}

  Crew& CrewOf(Kind kind) ABSL_SHARED_LOCKS_REQUIRED(mutex) {
    switch (kind) {
      case Kind::kAsked:
        break;
      case Kind::kListing:
        return listing;
      case Kind::kTidyingUp:
        return tidying;
    }
    return asked;
  }

  const std::chrono::nanoseconds limit;
  absl::Mutex mutex;
  SteadyCondVar changed;
  Crew asked ABSL_GUARDED_BY(mutex);
  Crew listing ABSL_GUARDED_BY(mutex);
  Crew tidying ABSL_GUARDED_BY(mutex);
  // Of all, in the order of their deadlines; some may be answered already.
  std::deque<std::shared_ptr<Job>> pending ABSL_GUARDED_BY(mutex);
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
    state_->asked.queue.clear();
    state_->listing.queue.clear();
    state_->tidying.queue.clear();
    state_->changed.NotifyAll();
    const auto ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(state_->mutex) {
      return state_->asked.threads + state_->listing.threads +
                 state_->tidying.threads ==
             0;
    };
    state_->changed.WaitFor(&state_->mutex, kThreadsEnd, ended);
  }
  deadlines_.join();
}

void DiskWorker::Run(Kind kind, Work work, OnFailure on_failure) {
  auto job = std::make_shared<Job>();
  const auto now = Clock::now();
  job->work = std::move(work);
  job->deadline = now + state_->limit;
  Failure failure = Failure::kTimeout;
  {
    absl::MutexLock lock(&state_->mutex);
    Crew& crew = state_->CrewOf(kind);
    if (!state_->closing && crew.queue.size() < kMaxQueued &&
        !crew.IsBlocked(MaxThreads(kind), state_->limit, now)) {
      if (HasThreadFor(kind, crew.queue.size() + 1)) {
        {
          absl::MutexLock job_lock(&job->mutex);
          job->on_failure = std::move(on_failure);
        }
        crew.queue.push_back(job);
        state_->pending.push_back(job);
        state_->changed.NotifyAll();
        return;
      }
      failure = Failure::kNoThread;
    }
  }
  on_failure(failure);
}

bool DiskWorker::HasThreadFor(Kind kind, size_t queued) {
  Crew& crew = state_->CrewOf(kind);
  if (crew.idle >= queued || crew.threads == MaxThreads(kind)) return true;
  try {
    std::thread([state = state_, kind] { RunThread(state, kind); }).detach();
    ++crew.threads;
  } catch (const std::system_error&) {
    // One that works on something else may get to it in time.
  }
  return crew.threads > 0;
}

void DiskWorker::AnswerPending() {
  std::deque<std::shared_ptr<Job>> pending;
  {
    absl::MutexLock lock(&state_->mutex);
    pending.swap(state_->pending);
  }
  for (const auto& job : pending) job->FailOnce(Failure::kTimeout);
}

void DiskWorker::RunThread(const std::shared_ptr<State>& state, Kind kind) {
  while (true) {
    std::shared_ptr<Job> job;
    {
      absl::MutexLock lock(&state->mutex);
      Crew& crew = state->CrewOf(kind);
      ++crew.idle;
      while (!state->closing && crew.queue.empty()) {
        state->changed.Wait(&state->mutex);
      }
      --crew.idle;
      if (crew.queue.empty()) {
        --crew.threads;
        state->changed.NotifyAll();
        return;
      }
      job = std::move(crew.queue.front());
      crew.queue.pop_front();
      job->begin = Clock::now();
      crew.running.push_back(job);
    }
    const Answer answer = job->work();
    job->work = nullptr;
    job->AnswerOnce(answer);
    absl::MutexLock lock(&state->mutex);
    std::erase(state->CrewOf(kind).running, job);
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
