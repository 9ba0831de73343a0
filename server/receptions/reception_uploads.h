// The uploads that receptions of this node wait for, or come from.
#ifndef TCPTOOL_SERVER_RECEPTIONS_RECEPTION_UPLOADS_H_
#define TCPTOOL_SERVER_RECEPTIONS_RECEPTION_UPLOADS_H_

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/clock.h"
#include "dataplane/receiving/pushed_content.h"
#include "dataplane/receiving/upstream.h"
#include "server/receptions/reception_upload.h"

namespace tcptool::server {

// By the receptions' names. A reception itself may begin later than its upload,
// which then waits with its first message. Any thread may call any method.
class ReceptionUploads {
 public:
  using Clock = dataplane::Clock;

  // At a time, that have begun and have no result; each holds a message.
  static constexpr size_t kMost = 16;
  // How long one that has begun waits until it is expected, and one that is
  // expected until its reception can be made: longer than the lease for which a
  // node that was killed has to wait.
  static constexpr std::chrono::seconds kPatience{30};

  // The node has begun its part, or will take one that begins from here on; no
  // effect if that is so already.
  void Expect(const std::string& reception);
  // Begins the one upload to a reception, of the distribution `name`. One that
  // is not expected yet waits for that, and ends with UNAVAILABLE when
  // EndOverdue() or Stop() says so; then another one may begin, as it may when
  // this one breaks off while it waits.
  // FAILED_PRECONDITION: it has begun before. RESOURCE_EXHAUSTED: there are
  // kMost. UNAVAILABLE: it is not expected, and will not be, after Stop().
  absl::StatusOr<std::unique_ptr<ReceptionUpload>> Begin(
      const std::string& reception, const std::string& name);
  // A reception is asked for: its upload does not end before SetHindrance().
  void BeginTry(const std::string& reception);
  // It was asked for in vain, for this reason: its upload, if it has begun,
  // waits for kPatience from the first time on; then it ends, and another one
  // may begin. OK: it does not wait for that any more.
  void SetHindrance(const std::string& reception, const absl::Status& why);
  // Ends those that have waited for kPatience. To be called again and again.
  void EndOverdue(Clock::time_point now);
  // Ends those that wait: nothing will be expected any more.
  void Stop();

  bool HasBegun(const std::string& reception) const;
  // Why the upload to it has broken off; OK: it has not.
  absl::Status FailureOf(const std::string& reception) const;
  // What the reception receives from; where no upload is expected, it fails.
  std::unique_ptr<dataplane::Upstream> NewUpstream(
      const std::string& reception) const;
  // What came of it: see PushedContent::Finish(). One that was not expected is
  // not what the reception has the content from: FAILED_PRECONDITION if OK.
  void Finish(const std::string& reception, const absl::Status& result);
  // As Finish(); then another one may be expected.
  void Forget(const std::string& reception, const absl::Status& result);

 private:
  using Content = std::shared_ptr<dataplane::PushedContent>;
  struct Entry {
    Content content;
    bool is_expected = false;
    // Of one that has begun.
    std::string name;
    // Since when it has waited; of one that is expected, only if there is a
    // hindrance.
    Clock::time_point since;
    absl::Status hindrance;
    bool is_tried = false;  // Between BeginTry() and SetHindrance().
  };

  // Null: none is expected.
  Content FindExpected(const std::string& reception) const;
  // Takes away those that are not expected, and have waited since then.
  std::vector<Entry> TakeUnexpected(Clock::time_point since);
  // The same of those that are expected; others of these may begin.
  std::vector<Entry> TakeHindered(Clock::time_point since);
  // Those that have broken off before they were expected: nothing has come of
  // them, and they fail nothing.
  void DropBroken() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_RECEPTION_UPLOADS_H_
