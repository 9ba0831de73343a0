// How many calls within the process have not ended.
#ifndef TCPTOOL_SERVER_CONNECT_RUNNING_CALLS_H_
#define TCPTOOL_SERVER_CONNECT_RUNNING_CALLS_H_

#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::server {

// Any thread may call any method.
class RunningCalls {
 public:
  void Add() {
    absl::MutexLock lock(&mutex_);
    ++count_;
  }
  void Remove() {
    absl::MutexLock lock(&mutex_);
    --count_;
  }
  // Nothing is added any more.
  void WaitForAll() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](size_t* count) { return *count == 0; }, &count_));
  }

 private:
  absl::Mutex mutex_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_CONNECT_RUNNING_CALLS_H_
