#include "dataplane/sending/limits.h"

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {

absl::Status DiskTimedOut(absl::Duration timeout) {
  return absl::DeadlineExceededError(absl::StrCat(
      "the disk has not answered for ", absl::FormatDuration(timeout),
      "; look whether it, or the network file system, still answers"));
}

}  // namespace tcptool::dataplane
