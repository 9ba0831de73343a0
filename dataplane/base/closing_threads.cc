#include "dataplane/base/closing_threads.h"

#include <pthread.h>

#include <deque>
#include <map>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::dataplane {

struct ClosingThreads::Queue {
  std::deque<Task> tasks;
  // When the first task began; nullopt: it waits for a thread.
  std::optional<Clock::time_point> since;
};

// What the threads use, which may outlive the object.
struct ClosingThreads::State {
  explicit State(size_t max_threads) : max_threads(max_threads) {}

  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex) {
    return ends || !ready.empty();
  }

  const size_t max_threads;
  mutable absl::Mutex mutex;
  // By disk; none is empty.
  std::map<uint64_t, Queue> queues ABSL_GUARDED_BY(mutex);
  // Disks that have tasks, of which none is running.
  std::deque<uint64_t> ready ABSL_GUARDED_BY(mutex);
  size_t threads ABSL_GUARDED_BY(mutex) = 0;
  size_t idle ABSL_GUARDED_BY(mutex) = 0;
  bool ends ABSL_GUARDED_BY(mutex) = false;
};

ClosingThreads& ClosingThreads::OfProcess() {
  static auto* const threads = new ClosingThreads();
  return *threads;
}

ClosingThreads::ClosingThreads(size_t max_threads)
    : state_(std::make_shared<State>(max_threads)) {}

ClosingThreads::~ClosingThreads() {
  std::map<uint64_t, Queue> dropped;  // Destroyed without the lock.
  absl::MutexLock lock(&state_->mutex);
  state_->ends = true;
  state_->ready.clear();
  state_->queues.swap(dropped);
}

void ClosingThreads::Run(uint64_t disk, Task task) {
  absl::MutexLock lock(&state_->mutex);
  const auto [queue, is_new] = state_->queues.try_emplace(disk);
  queue->second.tasks.push_back(std::move(task));
  if (is_new) state_->ready.push_back(disk);
  if (state_->ready.size() <= state_->idle ||
      state_->threads >= state_->max_threads) {
    return;
  }
  try {
    std::thread([state = state_] { Work(state); }).detach();
    ++state_->threads;
  } catch (const std::system_error&) {  // No thread can be had.
  }
}

ClosingThreads::Backlog ClosingThreads::BacklogOf(uint64_t disk) const {
  absl::MutexLock lock(&state_->mutex);
  const auto found = state_->queues.find(disk);
  if (found == state_->queues.end()) return {};
  const Queue& queue = found->second;
  return {.tasks = queue.tasks.size(),
          .running = queue.since ? Clock::now() - *queue.since
                                 : Clock::duration::zero()};
}

void ClosingThreads::Work(const std::shared_ptr<State>& state) {
  pthread_setname_np(pthread_self(), "closing");
  const auto has_work = [&state]() ABSL_SHARED_LOCKS_REQUIRED(state->mutex) {
    return state->HasWork();
  };
  state->mutex.Lock();
  while (true) {
    ++state->idle;
    state->mutex.Await(absl::Condition(&has_work));
    --state->idle;
    if (state->ends) break;
    const uint64_t disk = state->ready.front();
    state->ready.pop_front();
    // Its place in the queue stays, so that it counts.
    Queue& running = state->queues.at(disk);
    Task task = std::move(running.tasks.front());
    running.since = Clock::now();
    state->mutex.Unlock();
    task();
    task = nullptr;  // What it owned goes without the lock.
    state->mutex.Lock();
    if (state->ends) break;
    const auto queue = state->queues.find(disk);
    queue->second.since.reset();
    queue->second.tasks.pop_front();
    if (queue->second.tasks.empty()) {
      state->queues.erase(queue);
    } else {
      state->ready.push_back(disk);
    }
  }
  state->mutex.Unlock();
}

}  // namespace tcptool::dataplane
