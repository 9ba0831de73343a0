// A condition variable for absl::Mutex whose time-outs are of the monotonic
// clock.
#ifndef TCPTOOL_SERVER_BASE_STEADY_COND_VAR_H_
#define TCPTOOL_SERVER_BASE_STEADY_COND_VAR_H_

#include <chrono>
#include <condition_variable>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/clock.h"

namespace tcptool::server {

// In place of absl::Mutex::AwaitWithTimeout() and absl::CondVar: those of
// Debian 12 (Abseil 20220623) add the time-out to the time of day and wait with
// FUTEX_CLOCK_REALTIME. If the clock is set back by a day meanwhile, a wait of
// a second takes a day.
//
// Any thread may call any method.
class SteadyCondVar {
 public:
  void Wait(absl::Mutex* mutex)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    Lockable lockable{mutex};
    condition_.wait(lockable);
  }

  // Returns after `timeout` at the latest. As Wait(), it may return early and
  // without a call of NotifyAll().
  void WaitFor(absl::Mutex* mutex, std::chrono::nanoseconds timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    Lockable lockable{mutex};
    condition_.wait_until(lockable, End(timeout));
  }

  // Waits until `holds()`, which is called with the mutex held, or until
  // `timeout` has passed; nanoseconds::max() has no end. Returns the last
  // `holds()`. Whoever makes it hold calls NotifyAll().
  template <class Condition>
  bool WaitFor(absl::Mutex* mutex, std::chrono::nanoseconds timeout,
               Condition holds)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    Lockable lockable{mutex};
    return condition_.wait_until(lockable, End(timeout), holds);
  }

  void NotifyAll() { condition_.notify_all(); }

 private:
  static dataplane::Clock::time_point End(std::chrono::nanoseconds timeout) {
    return dataplane::Later(dataplane::Clock::now(), timeout);
  }

  // The mutex under the names that the standard library calls.
  struct Lockable {
    void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex->Lock(); }
    void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex->Unlock(); }

    absl::Mutex* mutex;
  };

  std::condition_variable_any condition_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_STEADY_COND_VAR_H_
