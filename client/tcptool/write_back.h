// Has what is written to a file go to its disk while more is written.
#ifndef TCPTOOL_CLIENT_TCPTOOL_WRITE_BACK_H_
#define TCPTOOL_CLIENT_TCPTOOL_WRITE_BACK_H_

#include <cstdint>

#include "absl/status/status.h"

namespace tcptool::client {

// The system lets gigabytes of written data gather in memory; fsync(2) at the
// end of a transfer then takes minutes, in which its sender hears nothing. This
// bounds what has gathered to two windows. For one thread.
class WriteBack {
 public:
  // 16 MiB: long enough for a disk's full speed.
  static constexpr uint64_t kWindow = uint64_t{16} << 20;

  // Does not own `file`; the data begins at `begin`.
  WriteBack(int file, uint64_t begin)
      : file_(file), waited_to_(begin), started_to_(begin) {}

  // The data is written as far as `end`. Once in a window, starts the window's
  // way to the disk, and waits until that of the window before has ended. An
  // error is one of the disk, and is not reported to fsync(2) any more. What
  // has no disk (a pipe) is left alone.
  absl::Status WrittenTo(uint64_t end);

 private:
  const int file_;
  uint64_t waited_to_;   // What lies before it is on the disk.
  uint64_t started_to_;  // What lies before it is on its way.
  bool supported_ = true;
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_WRITE_BACK_H_
