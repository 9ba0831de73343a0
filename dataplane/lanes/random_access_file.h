// A file that is read at any offset. An interface, so that tests can inject
// disks that fail or are slow.
#ifndef TCPTOOL_DATAPLANE_LANES_RANDOM_ACCESS_FILE_H_
#define TCPTOOL_DATAPLANE_LANES_RANDOM_ACCESS_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "dataplane/lanes/file_state.h"

namespace tcptool::dataplane {

// Any thread may call any method. Reads answer the number of bytes, less than
// asked for only where the file ends, or -errno.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;

  // As it is now. May wait for the disk, or for ever for one that is gone.
  virtual absl::StatusOr<FileState> State() const = 0;

  // Which disk reads wait for: files of one disk answer the same number.
  virtual uint64_t disk() const { return reinterpret_cast<uintptr_t>(this); }

  // Reads what is in memory. -EAGAIN: not all of it is, or the file system
  // cannot say; Read() it where waiting harms nobody. Fewer bytes than asked
  // for are no proof that the file ends there.
  virtual ssize_t ReadCached(uint64_t offset, std::span<std::byte> buffer) = 0;

  // May block on the disk. Asks the kernel to read ahead.
  virtual ssize_t Read(uint64_t offset, std::span<std::byte> buffer) = 0;

  // Whether the range, at least one byte, seems to be in memory: a look, no
  // promise.
  virtual bool Cached(uint64_t offset, size_t size) = 0;

  // For sendfile(2); -1 if the file has none.
  virtual int descriptor() const = 0;

  // Takes ownership of `descriptor`, an open regular file or block device: it
  // is closed soon after the last reference is gone, by a thread that may wait.
  static std::shared_ptr<RandomAccessFile> FromDescriptor(int descriptor);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_RANDOM_ACCESS_FILE_H_
