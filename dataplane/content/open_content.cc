#include "dataplane/content/open_content.h"

#include <utility>

#include "dataplane/content/unsized_file_source.h"
#include "dataplane/lanes/file_state.h"

namespace tcptool::dataplane {

namespace {

// Whether the file has content although it says that it has 0 bytes. One that
// is just being written has a size as soon as it has content.
absl::StatusOr<bool> SaysFalselyThatItIsEmpty(RandomAccessFile& file,
                                              const FileState& before) {
  std::byte first;
  if (before.size > 0 || file.Read(0, {&first, 1}) <= 0) return false;
  const absl::StatusOr<FileState> now = file.State();
  if (!now.ok()) return now.status();
  return now->size == 0;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Source>> OpenContent(
    std::shared_ptr<RandomAccessFile> file, uint64_t offset,
    std::optional<uint64_t> length, FileSource::LostName lost_name) {
  if (offset == 0 && !length.has_value()) {
    const absl::StatusOr<FileState> state = file->State();
    if (!state.ok()) return state.status();
    const absl::StatusOr<bool> is_unsized =
        state->size_is_nominal ? true : SaysFalselyThatItIsEmpty(*file, *state);
    if (!is_unsized.ok()) return is_unsized.status();
    if (*is_unsized) {
      return std::make_shared<UnsizedFileSource>(std::move(file));
    }
  }
  return FileSource::Create(std::move(file), offset, length, lost_name);
}

}  // namespace tcptool::dataplane
