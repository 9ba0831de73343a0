#include "dataplane/lanes/random_access_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"

namespace tcptool::dataplane {
namespace {

// How far ahead of a read that had to wait the kernel is told to go on: enough
// for a disk to work at its full speed between two such reads.
constexpr size_t kReadAhead = size_t{8} << 20;

// Cached() looks at one page in every so many bytes. Page caches fill by
// read-ahead, in runs that are longer than this.
constexpr size_t kProbeStride = size_t{256} << 10;

// Runs `read` from the start of the buffer until it is full, the file ends or
// an error comes.
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

class DescriptorFile : public RandomAccessFile {
 public:
  explicit DescriptorFile(int descriptor) : descriptor_(descriptor) {}
  ~DescriptorFile() override { close(descriptor_); }

  absl::StatusOr<uint64_t> Size() const override {
    struct stat status;
    if (fstat(descriptor_, &status) != 0) {
      return absl::ErrnoToStatus(errno, "fstat");
    }
    if (!S_ISBLK(status.st_mode)) return status.st_size;
    uint64_t bytes = 0;
    if (ioctl(descriptor_, BLKGETSIZE64, &bytes) != 0) {
      return absl::ErrnoToStatus(errno, "asking a block device for its size");
    }
    return bytes;
  }

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
    std::byte probe;
    for (size_t at = 0; at < size; at += kProbeStride) {
      if (ReadCached(offset + at, {&probe, 1}) != 1) return false;
    }
    return ReadCached(offset + size - 1, {&probe, 1}) == 1;
  }

  int descriptor() const override { return descriptor_; }

 private:
  const int descriptor_;
};

}  // namespace

std::shared_ptr<RandomAccessFile> RandomAccessFile::FromDescriptor(
    int descriptor) {
  return std::make_shared<DescriptorFile>(descriptor);
}

}  // namespace tcptool::dataplane
