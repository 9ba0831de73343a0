// A file whose size says nothing, read as a stream.
#ifndef TCPTOOL_DATAPLANE_CONTENT_UNSIZED_FILE_SOURCE_H_
#define TCPTOOL_DATAPLANE_CONTENT_UNSIZED_FILE_SOURCE_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/content/block_pool.h"
#include "dataplane/content/stream_source.h"
#include "dataplane/lanes/disk_threads.h"
#include "dataplane/lanes/random_access_file.h"

namespace tcptool::dataplane {

// What procfs, sysfs and many a FUSE file system have is made when it is read,
// and stat(2) has 0 bytes or a page for it. It is read once, from front to
// back, block by block on the disk's threads, from when the session starts.
class UnsizedFileSource : public StreamSource {
 public:
  explicit UnsizedFileSource(std::shared_ptr<RandomAccessFile> file)
      : StreamSource(kDefaultWindow, kNear), file_(std::move(file)) {}

  std::unique_ptr<Feed> OpenFeed(Lane& lane,
                                 std::function<void()> wake) override;

 protected:
  bool is_of_disk() const override { return true; }

 private:
  // Has the next block read, unless one is being read already: that there is
  // room is told both by a read and by a lane, at times for one and the same.
  void PostRead();
  void ReadBlock();
  void EndIfStillUnsized();

  const std::shared_ptr<RandomAccessFile> file_;
  const std::shared_ptr<BlockPool> pool_ = std::make_shared<BlockPool>();
  DiskThreads* disk_ = nullptr;  // From OpenFeed() on.
  std::atomic<bool> is_reading_ = false;
  uint64_t position_ = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_UNSIZED_FILE_SOURCE_H_
