// Writes a file back to its disk while more is written to it.
#ifndef TCPTOOL_CLIENT_TCPTOOL_WRITE_BACK_H_
#define TCPTOOL_CLIENT_TCPTOOL_WRITE_BACK_H_

#include <cstdint>

#include "absl/status/status.h"

namespace tcptool::client {

// The kernel lets gigabytes of dirty pages gather; fsync(2) at the end of a
// transfer then takes minutes, in which the sender hears nothing. This bounds
// them to two windows. For one thread.
class WriteBack {
 public:
  // 16 MiB: long enough for a disk's full speed.
  static constexpr uint64_t kWindow = uint64_t{16} << 20;

  // Does not own `file`; the data begins at `begin`.
  WriteBack(int file, uint64_t begin)
      : file_(file), waited_to_(begin), started_to_(begin) {}

  // The file is written up to `end`. Once per window, starts the window's
  // write-back, and waits for that of the window before (sync_file_range(2)).
  // An error is one of the disk, and is not reported to fsync(2) any more. No
  // effect on what has no disk (a pipe).
  absl::Status WrittenTo(uint64_t end);

 private:
  const int file_;
  uint64_t waited_to_;   // What lies before it is on the disk.
  uint64_t started_to_;  // Write-back of what lies before it has begun.
  bool supported_ = true;
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_WRITE_BACK_H_
