// What a watch is sent at a time.
#ifndef TCPTOOL_SERVER_WATCH_CHANGE_BATCH_H_
#define TCPTOOL_SERVER_WATCH_CHANGE_BATCH_H_

#include <google/protobuf/repeated_field.h>

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/api/errors.h"

namespace tcptool::server {

// The changes of one message.
template <typename Change>
class ChangeBatch {
 public:
  // Specs may be large: a batch ends at this size.
  static constexpr size_t kMaxBytes = size_t{256} << 10;
  // And when so many objects were looked at, whether the filter selects them or
  // not: the table is locked meanwhile.
  static constexpr int kMaxLooks = 10'000;

  // Full with `limit` changes.
  ChangeBatch(size_t limit, google::protobuf::RepeatedPtrField<Change>& changes)
      : limit_(limit), changes_(changes) {}

  bool full() {
    for (; measured_ < changes_.size(); ++measured_) {
      bytes_ += changes_[measured_].ByteSizeLong();
    }
    return static_cast<size_t>(changes_.size()) >= limit_ ||
           bytes_ >= kMaxBytes || looks_ >= kMaxLooks;
  }
  // An object is looked at.
  void Look() { ++looks_; }
  Change& Add() { return *changes_.Add(); }

 private:
  const size_t limit_;
  google::protobuf::RepeatedPtrField<Change>& changes_;
  size_t bytes_ = 0;  // Of those that are measured.
  int measured_ = 0;
  int looks_ = 0;
};

inline constexpr absl::string_view kResumeRevision = "resume_revision: ";
inline constexpr absl::string_view kSlowReader =
    "the client reads too slowly: the revision that it has come to, ";

// OUT_OF_RANGE: the ChangeLog does not have everything after `revision`.
// `what`, one of these two, begins the message.
template <typename Log>
absl::Status CheckRemembers(const Log& log, absl::string_view what,
                            int64_t revision) {
  if (log.Remembers(revision)) return absl::OkStatus();
  return WithReason(
      absl::OutOfRangeError(absl::StrCat(
          what, revision, " is not among the revisions ", log.oldest(), " to ",
          log.revision(),
          " that the service remembers; watch anew, without resume_revision")),
      what == kSlowReader ? v1::ERROR_REASON_WATCHER_TOO_SLOW
                          : v1::ERROR_REASON_REVISION_FORGOTTEN);
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_CHANGE_BATCH_H_
