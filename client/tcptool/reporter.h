// Prints what a session's recipients do, and waits for the session's end.
#ifndef TCPTOOL_CLIENT_TCPTOOL_REPORTER_H_
#define TCPTOOL_CLIENT_TCPTOOL_REPORTER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/tcptool/diagnostics.h"
#include "client/tcptool/progress.h"
#include "dataplane/base/state.h"
#include "dataplane/session/session.h"

namespace tcptool::client {

// The session's lane calls OnUpdate(); any thread may call the rest.
class Reporter : public dataplane::SessionObserver {
 public:
  explicit Reporter(Diagnostics& diagnostics)
      : diagnostics_(diagnostics), progress_(diagnostics) {}

  void OnUpdate(const Update& update) override;

  // Waits until the session's state is final, and returns its last status.
  dataplane::SessionStatus WaitForEnd();

 private:
  // Says what is new of a recipient.
  void Describe(const dataplane::RecipientStatus& recipient);
  void DescribeRejection(const dataplane::RecipientStatus& recipient,
                         bool is_new);
  void DescribeFailure(const dataplane::RecipientStatus& recipient);

  Diagnostics& diagnostics_;
  Progress progress_;
  bool said_empty_ = false;  // That the content is.
  // What has been said of each recipient, by its id.
  std::map<uint64_t, dataplane::RecipientState> states_;
  absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  dataplane::SessionStatus end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_REPORTER_H_
