#include "dataplane/content/unsized_file_source.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lanes/lane.h"

namespace tcptool::dataplane {

std::unique_ptr<Feed> UnsizedFileSource::OpenFeed(Lane& lane,
                                                  std::function<void()> wake) {
  disk_ = &lane.disk();
  set_on_room([weak = weak_from_this(), this] {
    if (const auto self = weak.lock()) PostRead();
  });
  PostRead();
  return StreamSource::OpenFeed(lane, std::move(wake));
}

void UnsizedFileSource::PostRead() {
  if (is_reading_.exchange(true)) return;
  disk_->Run({.disk = file_->disk(), .file = file_.get()},
             [self = shared_from_this(), this] { ReadBlock(); });
}

void UnsizedFileSource::ReadBlock() {
  if (closed()) return;
  const std::shared_ptr<const PageBlock> block = pool_->Get();
  const ssize_t got = file_->Read(position_, block->first(block->size()));
  if (got < 0) {
    return Fail(absl::ErrnoToStatus(
        static_cast<int>(-got),
        absl::StrCat("reading the source at byte ", position_)));
  }
  position_ += got;
  const size_t size = static_cast<size_t>(got);
  if (size > 0) {
    Append(
        {.owner = block, .data = block->first(size), .memory = block->size()});
  }
  if (size < block->size()) return EndIfStillUnsized();
  is_reading_ = false;
  if (has_room()) PostRead();  // If not, or not any more, it will be told.
}

// A file that has a size now is one that was being written, and what was read
// may be a part of it.
void UnsizedFileSource::EndIfStillUnsized() {
  const absl::StatusOr<FileState> state = file_->State();
  if (!state.ok()) return Fail(state.status());
  if (state->size == 0 || state->size_is_nominal) return End();
  Fail(absl::DataLossError(
      absl::StrCat("the file has changed: it had 0 bytes at the start and has ",
                   state->size, " now")));
}

}  // namespace tcptool::dataplane
