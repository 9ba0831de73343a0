#include "server/receptions/received_file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "messages/time.h"
#include "server/api/errors.h"

namespace tcptool::server {

absl::StatusOr<dataplane::ReceivedFile> OpenUntouched(
    const ContentRoot& root, const v1::Reception& reception) {
  auto file = root.Open(reception.spec().destination().path());
  if (!file.ok()) return file.status();
  auto opened = dataplane::ReceivedFile::Open(*std::move(file));
  if (!opened.ok()) return opened.status();
  const dataplane::FileState& state = opened->state;
  const auto length = static_cast<uint64_t>(reception.content_length());
  // Not the device, which may have another number after a mount.
  const bool is_it =
      static_cast<int64_t>(state.inode) == reception.file_inode();
  if (!is_it || state.changed != ToTime(reception.file_change_time()) ||
      state.size != length) {
    return FailedPrecondition(
        v1::ERROR_REASON_RECEIVED_FILE_CHANGED, reception.name(),
        absl::StrCat(is_it ? "the file was changed, or its owner or mode, at "
                           : "another file has taken its place, at ",
                     absl::FormatTime(state.changed, absl::UTCTimeZone()),
                     ", and ", reception.name(), " left it at ",
                     absl::FormatTime(ToTime(reception.file_change_time()),
                                      absl::UTCTimeZone()),
                     "; receive it again, or serve it as a file"));
  }
  return opened;
}

dataplane::Digest RootOf(const v1::Reception& reception) {
  dataplane::Digest root{};
  const std::string bytes = absl::HexStringToBytes(reception.content_root());
  std::memcpy(root.data(), bytes.data(), std::min(bytes.size(), root.size()));
  return root;
}

}  // namespace tcptool::server
