// The moment before a content that is on the disk gets its name, for as long as
// a test wants.
#ifndef TCPTOOL_TESTS_DATAPLANE_RECEIVING_NAME_HOLDER_H_
#define TCPTOOL_TESTS_DATAPLANE_RECEIVING_NAME_HOLDER_H_

#include <functional>
#include <string>

#include "absl/synchronization/notification.h"
#include "tests/dataplane/receiving/receptions.h"

namespace tcptool::dataplane {

// Holds a content back from its name.
class NameHolder : public ReceptionRecorder {
 public:
  void BeforeNaming(const ReceptionStatus& status, const std::string& mark,
                    const std::function<void()>& go_on) override {
    status_ = status;
    mark_ = mark;
    go_on_ = go_on;
    held_.Notify();
  }

  void Wait() { held_.WaitForNotification(); }
  // After Wait().
  const ReceptionStatus& known() const { return status_; }
  const std::string& mark() const { return mark_; }
  void GoOn() { go_on_(); }

 private:
  absl::Notification held_;
  ReceptionStatus status_;
  std::string mark_;
  std::function<void()> go_on_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_RECEIVING_NAME_HOLDER_H_
