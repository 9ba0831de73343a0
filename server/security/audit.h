// The audit log: a line for each call that changes something (who, what,
// outcome), and lines for refused calls.
#ifndef TCPTOOL_SERVER_SECURITY_AUDIT_H_
#define TCPTOOL_SERVER_SECURITY_AUDIT_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/base/event_limit.h"

namespace tcptool::server {

// The `name` of the resource that a message of the API is about; empty if it
// has none.
std::string NameIn(const google::protobuf::Message& message);

// What a request is about: its `name` or, of one that is to make nothing, that
// it is `validate_only`.
std::string TargetOf(const google::protobuf::Message& request);

// Any thread. `who`: the caller's name when the call began.
void LogAudit(absl::string_view who, absl::string_view peer,
              absl::string_view method, absl::string_view target,
              const absl::Status& outcome);

// Unauthenticated peers can make any number of calls, so the log has at most
// one line a second for refused calls, with the number of those in between. Any
// thread may call any method.
class RefusalLog {
 public:
  // `who`: a name, if the caller has one.
  void Add(absl::string_view who, absl::string_view peer,
           absl::string_view method, const absl::Status& outcome);
  // Call it periodically, so that the last refusals are logged too.
  void Flush();

 private:
  absl::Mutex mutex_;
  EventLimit limit_ ABSL_GUARDED_BY(mutex_);
  std::string last_peer_ ABSL_GUARDED_BY(mutex_);  // Of those not logged yet.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_AUDIT_H_
