#include "dataplane/content/change_check.h"

#include <asio/post.hpp>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {

absl::Status CheckUnchanged(const RandomAccessFile& file, FileState& known) {
  const absl::StatusOr<FileState> now = file.State();
  if (!now.ok()) return now.status();
  const std::string difference = Difference(known, *now);
  if (difference.empty()) {
    known = *now;
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat("the file has changed: ", difference,
                   "; put new content into place under the name by rename(2), "
                   "and leave the old file as it is while it is served"));
}

void ChangeCheck::Ask(Done done) {
  asked_.push_back(std::move(done));
  if (!looking_) Look();
}

void ChangeCheck::Start() {
  timer_.expires_after(kInterval);
  timer_.async_wait([weak = weak_from_this()](std::error_code error) {
    const auto self = weak.lock();
    if (error || self == nullptr) return;
    if (!self->looking_) self->Look();
    self->Start();
  });
}

void ChangeCheck::Look() {
  looking_ = true;
  waiting_.swap(asked_);
  lane_.disk().Run({.disk = file_->disk(), .file = file_.get()},
                   [weak = weak_from_this(), file = file_, known = known_,
                    &lane = lane_]() mutable {
                     absl::Status status = CheckUnchanged(*file, known);
                     asio::post(lane.io(),
                                [weak, known, status = std::move(status)] {
                                  if (const auto self = weak.lock())
                                    self->Looked(status, known);
                                });
                   });
}

void ChangeCheck::Looked(absl::Status status, const FileState& known) {
  looking_ = false;
  known_ = known;
  if (status_.ok()) status_ = std::move(status);
  for (Done& done : std::exchange(waiting_, {})) done(status_);
  if (!looking_ && !asked_.empty()) Look();
}

}  // namespace tcptool::dataplane
