// The system calls that writing a received content makes. An interface, so that
// tests can inject what disks do: a full one, one that fails in mid-write.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_FILE_API_H_
#define TCPTOOL_DATAPLANE_RECEIVING_FILE_API_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tcptool::dataplane {

// Each method is the system call of the manual page named, restarted after a
// signal; it returns -errno on an error, and may wait for the disk.
// Thread-safe.
class FileApi {
 public:
  virtual ~FileApi() = default;

  // openat(2), closed on exec.
  virtual int OpenAt(int directory, const std::string& name, int flags,
                     mode_t mode);
  // pwrite(2) of all of `data`: 0 or -errno.
  virtual int WriteAt(int file, uint64_t offset,
                      std::span<const std::byte> data);
  // pread(2): fewer bytes than asked for only where the file ends.
  virtual ssize_t ReadAt(int file, uint64_t offset,
                         std::span<std::byte> buffer);
  // fallocate(2) from the start, the file's size being kept.
  virtual int Allocate(int file, uint64_t size);
  // ftruncate(2).
  virtual int Truncate(int file, uint64_t size);
  // fdatasync(2).
  virtual int SyncData(int file);
  // fsync(2).
  virtual int Sync(int file);
  // renameat2(2) within a directory.
  virtual int Rename(int directory, const std::string& from,
                     const std::string& to, unsigned flags);
  // linkat(2) within a directory.
  virtual int Link(int directory, const std::string& from,
                   const std::string& to);
  // unlinkat(2).
  virtual int Unlink(int directory, const std::string& name);

  // The real system calls.
  static FileApi& Real();
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_FILE_API_H_
