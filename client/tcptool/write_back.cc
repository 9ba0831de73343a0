#include "client/tcptool/write_back.h"

#include <fcntl.h>

#include <cerrno>
#include <system_error>

namespace tcptool::client {

absl::Status WriteBack::WrittenTo(uint64_t end) {
  if (!supported_ || end - started_to_ < kWindow) return absl::OkStatus();
  const auto range = [this](uint64_t from, uint64_t to, unsigned flags) {
    return sync_file_range(file_, static_cast<off64_t>(from),
                           static_cast<off64_t>(to - from), flags) == 0;
  };
  if (!range(started_to_, end, SYNC_FILE_RANGE_WRITE) ||
      (waited_to_ < started_to_ &&
       !range(waited_to_, started_to_,
              SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                  SYNC_FILE_RANGE_WAIT_AFTER))) {
    supported_ = false;
    if (errno == ESPIPE || errno == EINVAL || errno == ENOSYS) {
      return absl::OkStatus();
    }
    return absl::DataLossError(std::generic_category().message(errno));
  }
  waited_to_ = started_to_;
  started_to_ = end;
  return absl::OkStatus();
}

}  // namespace tcptool::client
