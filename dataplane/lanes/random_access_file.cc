#include "dataplane/lanes/random_access_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "dataplane/base/delete_on_a_thread.h"
#include "dataplane/base/disk_of.h"

namespace tcptool::dataplane {
namespace {

// How far beyond a read that had to wait for the disk the kernel is asked to
// read ahead: enough for the disk to work at full speed between two such reads.
constexpr size_t kReadAhead = size_t{8} << 20;

// Cached() tries to read one byte in each stretch of this length. The page
// cache fills by read-ahead, in runs longer than kProbeStride. Where
// cachestat(2) has found all pages there, fewer probes are enough: they find
// pages that are still being read from the disk, which it counts as well.
constexpr size_t kProbeStride = size_t{256} << 10;
constexpr size_t kProbeStrideCounted = size_t{1} << 20;

// The unit in which cachestat(2) counts.
const uint64_t kPageSize = sysconf(_SC_PAGESIZE);

// cachestat(2), of Linux 6.5: Debian 12's headers do not have it.
constexpr long kCachestat = 451;
struct CachestatRange {
  uint64_t offset;
  uint64_t size;
};
struct Cachestat {
  uint64_t cached;  // Pages, as all of them.
  uint64_t dirty;
  uint64_t writeback;
  uint64_t evicted;
  uint64_t recently_evicted;
};

// How many pages of the range the page cache has; -1 where nobody can say.
int64_t CountCached(int descriptor, uint64_t offset, size_t size) {
  const CachestatRange range = {offset, size};
  Cachestat counts = {};
  if (syscall(kCachestat, descriptor, &range, &counts, 0) != 0) return -1;
  return static_cast<int64_t>(counts.cached);
}

// Repeats `read` until the buffer is full, the file ends or an error occurs.
template <typename ReadAt>
ssize_t Fill(uint64_t offset, std::span<std::byte> buffer, ReadAt read) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const iovec part = {buffer.data() + filled, buffer.size() - filled};
    const ssize_t got = read(part, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    filled += got;
  }
  return static_cast<ssize_t>(filled);
}

// Whether it is in one of the file systems that make content when it is read.
bool SizeIsNominal(int descriptor) {
  struct statfs status;
  if (fstatfs(descriptor, &status) != 0) return false;
  switch (status.f_type) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case SECURITYFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
      return true;
    default:
      return false;
  }
}

class DescriptorFile : public RandomAccessFile {
 public:
  explicit DescriptorFile(int descriptor)
      : descriptor_(descriptor),
        disk_(DiskOf(descriptor)),
        size_is_nominal_(SizeIsNominal(descriptor)) {}
  ~DescriptorFile() override { close(descriptor_); }

  // Network file systems and FUSE answer fstat(2) from a cache of attributes,
  // which may be minutes old: AT_STATX_FORCE_SYNC has the server asked.
  absl::StatusOr<FileState> State() const override {
    struct statx status;
    if (statx(descriptor_, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
              STATX_BASIC_STATS, &status) != 0) {
      return absl::ErrnoToStatus(errno, "asking for the state of the file");
    }
    if (!S_ISBLK(status.stx_mode)) {
      return FileState{
          .size = status.stx_size,
          .size_is_nominal = size_is_nominal_,
          .device = makedev(status.stx_dev_major, status.stx_dev_minor),
          .inode = status.stx_ino,
          .links = status.stx_nlink,
          .modified = ToTime(status.stx_mtime),
          .changed = ToTime(status.stx_ctime)};
    }
    FileState state = {
        .device = makedev(status.stx_rdev_major, status.stx_rdev_minor)};
    if (ioctl(descriptor_, BLKGETSIZE64, &state.size) != 0) {
      return absl::ErrnoToStatus(errno, "asking a block device for its size");
    }
    if (state.size == 0) {
      return absl::FailedPreconditionError(
          "the block device has 0 bytes: there is no medium in it, or it is "
          "not set up");
    }
    return state;
  }

  uint64_t disk() const override { return disk_; }

  ssize_t ReadCached(uint64_t offset, std::span<std::byte> buffer) override {
    const ssize_t result =
        Fill(offset, buffer, [this](const iovec& part, off_t at) {
          return preadv2(descriptor_, &part, 1, at, RWF_NOWAIT);
        });
    // File systems without RWF_NOWAIT say so on the first call.
    return result == -EOPNOTSUPP ? -EAGAIN : result;
  }

  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override {
    posix_fadvise(descriptor_, static_cast<off_t>(offset), kReadAhead,
                  POSIX_FADV_WILLNEED);
    return Fill(offset, buffer, [this](const iovec& part, off_t at) {
      return preadv(descriptor_, &part, 1, at);
    });
  }

  bool Cached(uint64_t offset, size_t size) override {
    const int64_t cached = CountCached(descriptor_, offset, size);
    const int64_t pages = static_cast<int64_t>((offset + size - 1) / kPageSize -
                                               offset / kPageSize + 1);
    if (cached >= 0 && cached < pages) return false;
    const size_t stride = cached < 0 ? kProbeStride : kProbeStrideCounted;
    std::byte probe;
    for (size_t at = 0; at < size; at += stride) {
      if (ReadCached(offset + at, {&probe, 1}) != 1) return false;
    }
    return ReadCached(offset + size - 1, {&probe, 1}) == 1;
  }

  int descriptor() const override { return descriptor_; }

 private:
  static absl::Time ToTime(const statx_timestamp& time) {
    return absl::FromUnixSeconds(time.tv_sec) + absl::Nanoseconds(time.tv_nsec);
  }

  const int descriptor_;
  const uint64_t disk_;
  const bool size_is_nominal_;
};

}  // namespace

std::shared_ptr<RandomAccessFile> RandomAccessFile::FromDescriptor(
    int descriptor) {
  auto* const file = new DescriptorFile(descriptor);
  return {file, DeleteOnAThread(file->disk())};
}

}  // namespace tcptool::dataplane
