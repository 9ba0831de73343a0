#include "server/watch_hub.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {

absl::Status WatchHub::Add(std::shared_ptr<Watcher> watcher) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return absl::UnavailableError("the service is stopping");
  if (watchers_.size() >= max_watchers_) {
    return absl::ResourceExhaustedError(
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
  for (const auto& watcher : All()) watcher->Wake();
}

void WatchHub::StopAll() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  for (const auto& watcher : All()) watcher->Stop();
}

WatchHub::Watchers WatchHub::All() const {
  absl::MutexLock lock(&mutex_);
  return watchers_;
}

}  // namespace tcptool::server
