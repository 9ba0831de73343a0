// The uploads that receptions of this node wait for, or come from.
#ifndef TCPTOOL_SERVER_RECEPTIONS_RECEPTION_UPLOADS_H_
#define TCPTOOL_SERVER_RECEPTIONS_RECEPTION_UPLOADS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/receiving/pushed_content.h"
#include "dataplane/receiving/upstream.h"
#include "server/receptions/reception_upload.h"

namespace tcptool::server {

// By the receptions' names. A reception itself may begin later than its upload,
// which then waits with its first message. Any thread may call any method.
class ReceptionUploads {
 public:
  // At a time, that have begun and have no result; each holds a message.
  static constexpr size_t kMost = 16;

  // One may begin from here on; no effect if that is so already.
  void Expect(const std::string& reception);
  // Begins the one upload to a reception, of the distribution `name`.
  // UNAVAILABLE: none is expected yet. FAILED_PRECONDITION: it has begun
  // before. RESOURCE_EXHAUSTED: there are kMost.
  absl::StatusOr<std::unique_ptr<ReceptionUpload>> Begin(
      const std::string& reception, const std::string& name);
  bool HasBegun(const std::string& reception) const;
  // Why the upload to it has broken off; OK: it has not.
  absl::Status FailureOf(const std::string& reception) const;
  // What the reception receives from; where no upload is expected, it fails.
  std::unique_ptr<dataplane::Upstream> NewUpstream(
      const std::string& reception) const;
  // What came of it: see PushedContent::Finish().
  void Finish(const std::string& reception, const absl::Status& result);
  // As Finish(); then another one may be expected.
  void Forget(const std::string& reception, const absl::Status& result);

 private:
  using Content = std::shared_ptr<dataplane::PushedContent>;

  // Null: none is expected.
  Content Find(const std::string& reception) const;

  mutable absl::Mutex mutex_;
  std::map<std::string, Content> contents_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_RECEPTION_UPLOADS_H_
