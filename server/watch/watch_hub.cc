#include "server/watch/watch_hub.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/processors.h"
#include "server/api/errors.h"
#include "server/base/thread_priority.h"

namespace tcptool::server {
namespace {

// The rate of the token bucket, for each core: a change costs some 10 us of
// processor time, so this is a few percent of it.
constexpr double kChangesPerCore = 5'000;

// Watchers are woken this long after the first change, so that what changes
// meanwhile goes out in one message. Waking them all takes about as long.
constexpr std::chrono::milliseconds kGather{10};
constexpr std::chrono::microseconds kGatherPerWatcher{100};

}  // namespace

WatchHub::WatchHub(size_t max_watchers)
    : max_watchers_(max_watchers),
      progress_pace_(
          kChangesPerCore * static_cast<double>(dataplane::UsableProcessors()),
          ProgressPace::Clock::now()),
      thread_([this] { Run(); }) {}

WatchHub::~WatchHub() {
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    ended_changed_.NotifyAll();
  }
  thread_.join();
}

absl::Status WatchHub::Add(std::shared_ptr<Watcher> watcher) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) {
    return Unavailable(v1::ERROR_REASON_SERVICE_STOPPING,
                       "the service is stopping");
  }
  if (watchers_.size() >= max_watchers_) {
    return Exhausted(
        v1::ERROR_REASON_TOO_MANY_WATCHERS, "watchers",
        absl::StrCat("the service has ", max_watchers_,
                     " watchers, as many as it allows; end one, or watch all "
                     "sessions in one stream"));
  }
  watchers_.insert(std::move(watcher));
  return absl::OkStatus();
}

void WatchHub::Remove(const std::shared_ptr<Watcher>& watcher) {
  absl::MutexLock lock(&mutex_);
  watchers_.erase(watcher);
}

void WatchHub::WakeAll() {
  absl::MutexLock lock(&mutex_);
  wake_ = true;
}

void WatchHub::StopAll() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  for (const auto& watcher : All()) watcher->Stop();
}

void WatchHub::Run() {
  YieldToDataPlane();
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return wake_ || ended_;
      };
      mutex_.Await(absl::Condition(&due));
      const auto ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
        return ended_;
      };
      if (ended_changed_.WaitFor(
              &mutex_, kGather + kGatherPerWatcher * watchers_.size(), ended)) {
        return;
      }
      wake_ = false;
    }
    for (const auto& watcher : All()) watcher->Wake();
  }
}

WatchHub::Watchers WatchHub::All() const {
  absl::MutexLock lock(&mutex_);
  return watchers_;
}

}  // namespace tcptool::server
