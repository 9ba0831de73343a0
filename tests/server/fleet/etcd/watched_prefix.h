// A PrefixWatch that tests wait for.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_ETCD_WATCHED_PREFIX_H_
#define TCPTOOL_TESTS_SERVER_FLEET_ETCD_WATCHED_PREFIX_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/fleet/etcd/prefix_watch.h"
#include "tests/server/fleet/etcd/etcd_cluster.h"

namespace tcptool::fleet {

// Keeps what it was told of; deletions are told of by "".
class WatchedPrefix {
 public:
  WatchedPrefix(ClientThread& thread, const PrefixWatchOptions& options)
      : thread_(thread) {
    thread_.Run([&] {
      watch_ = std::make_unique<PrefixWatch>(
          thread_.executor(), &thread_.client(), options,
          PrefixWatch::Events{
              .changed =
                  [this](const PrefixMirror::Changes& changes, int64_t) {
                    absl::MutexLock lock(&mutex_);
                    ++told_;
                    for (const PrefixChange& change : changes) {
                      history_[change.key].push_back(
                          change.kind == PrefixChange::Kind::kPut
                              ? change.entry.value
                              : "");
                    }
                  },
              .trouble =
                  [this](const absl::Status& status) {
                    absl::MutexLock lock(&mutex_);
                    trouble_ = status;
                  }});
    });
  }
  ~WatchedPrefix() {
    thread_.Run([this] { watch_.reset(); });
  }
  WatchedPrefix(const WatchedPrefix&) = delete;
  WatchedPrefix& operator=(const WatchedPrefix&) = delete;

  // Until it has been told that a key has this value, or that it is gone.
  void WaitFor(const std::string& key, const std::string& value) {
    absl::MutexLock lock(&mutex_);
    const auto has_come = [&] {
      const auto found = history_.find(key);
      return found != history_.end() && found->second.back() == value;
    };
    mutex_.Await(absl::Condition(&has_come));
  }
  // Until it has been told of something.
  void WaitUntilListed() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* told) { return *told > 0; }, &told_));
  }
  void WaitForTrouble(absl::StatusCode code) {
    absl::MutexLock lock(&mutex_);
    const auto has_come = [&] { return trouble_.code() == code; };
    mutex_.Await(absl::Condition(&has_come));
  }

  std::vector<std::string> History(const std::string& key) {
    absl::MutexLock lock(&mutex_);
    return history_[key];
  }

 private:
  ClientThread& thread_;
  std::unique_ptr<PrefixWatch> watch_;
  absl::Mutex mutex_;
  int told_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::vector<std::string>> history_
      ABSL_GUARDED_BY(mutex_);
  absl::Status trouble_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_ETCD_WATCHED_PREFIX_H_
