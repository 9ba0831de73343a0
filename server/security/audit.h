// A line in the log for each call that changes something: who, what, outcome.
// And for those that were not allowed.
#ifndef TCPTOOL_SERVER_SECURITY_AUDIT_H_
#define TCPTOOL_SERVER_SECURITY_AUDIT_H_

#include <google/protobuf/message.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::server {

// The resource that a message of the API is about: all of them name it by
// `name`. Empty: this one names none.
std::string NameIn(const google::protobuf::Message& message);

// Any thread. `who`: the caller's name when the call began.
void LogAudit(absl::string_view who, absl::string_view peer,
              absl::string_view method, absl::string_view target,
              const absl::Status& outcome);

// Strangers may make as many calls as they like: of those that are refused the
// log has a line a second at most, which says how many more there were. Any
// thread may call any method.
class RefusalLog {
 public:
  // `who`: a name, if the caller has one.
  void Add(absl::string_view who, absl::string_view peer,
           absl::string_view method, const absl::Status& outcome);
  // To be called now and then, so that the last are told too.
  void Flush();

 private:
  using Clock = std::chrono::steady_clock;

  absl::Mutex mutex_;
  Clock::time_point last_ ABSL_GUARDED_BY(mutex_);
  std::string last_peer_ ABSL_GUARDED_BY(mutex_);  // Of the untold.
  uint64_t untold_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_AUDIT_H_
