#include "dataplane/content/open_content.h"

#include <utility>

#include "dataplane/content/file_source.h"
#include "dataplane/content/unsized_file_source.h"

namespace tcptool::dataplane {

absl::StatusOr<std::shared_ptr<Source>> OpenContent(
    std::shared_ptr<RandomAccessFile> file, uint64_t offset,
    std::optional<uint64_t> length) {
  if (offset == 0 && !length.has_value()) {
    const absl::StatusOr<FileState> state = file->State();
    if (!state.ok()) return state.status();
    std::byte first;
    if (state->size_is_nominal ||
        (state->size == 0 && file->Read(0, {&first, 1}) > 0)) {
      return std::make_shared<UnsizedFileSource>(std::move(file));
    }
  }
  return FileSource::Create(std::move(file), offset, length);
}

}  // namespace tcptool::dataplane
