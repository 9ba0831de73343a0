// A call of the file system that does not return for as long as a test wants.
#ifndef TCPTOOL_TESTS_DATAPLANE_RECEIVING_HELD_CALL_H_
#define TCPTOOL_TESTS_DATAPLANE_RECEIVING_HELD_CALL_H_

#include <atomic>

#include "absl/synchronization/notification.h"
#include "tests/dataplane/receiving/files.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {

// Outlives what uses its files. Any thread may call any method.
class HeldCall {
 public:
  explicit HeldCall(FaultyFiles::Call call)
      : files_([this, call](FaultyFiles::Call made) {
          if (made == call && holds_.exchange(false)) {
            held_.Notify();
            released_.WaitForNotification();
          }
          return 0;
        }) {}

  FaultyFiles& files() { return files_; }
  // The next one of that kind. Once.
  void Hold() { holds_ = true; }
  // Whether it has been made.
  bool WaitUntilHeld() const {
    return held_.WaitForNotificationWithTimeout(kDeadline);
  }
  void Release() {
    if (!released_.HasBeenNotified()) released_.Notify();
  }

 private:
  std::atomic<bool> holds_ = false;
  absl::Notification held_;
  absl::Notification released_;
  FaultyFiles files_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_RECEIVING_HELD_CALL_H_
