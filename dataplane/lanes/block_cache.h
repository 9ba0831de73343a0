// The blocks of files that a lane is sending: each is read once and then sent
// to every recipient near it while it is hot in the processor's cache.
#ifndef TCPTOOL_DATAPLANE_LANES_BLOCK_CACHE_H_
#define TCPTOOL_DATAPLANE_LANES_BLOCK_CACHE_H_

#include <asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/base/page_block.h"
#include "dataplane/lanes/disk_threads.h"
#include "dataplane/lanes/random_access_file.h"

namespace tcptool::dataplane {

// All sessions of a lane share the cache, so that its memory is bounded
// whatever their number: kBlocks of kBlockSize, and one for each read that
// waits for a disk. Lives on the lane's thread.
class BlockCache {
 public:
  // Large enough to hide the cost of a call, small enough that a few blocks
  // stay in a core's own cache; see docs/benchmarks.md.
  static constexpr size_t kBlockSize = size_t{1} << 20;
  static constexpr size_t kBlocks = 8;
  // So many blocks are being read from disks at most, of one disk, and of one
  // file: a disk that hangs keeps its share, and others go on. As many disks
  // may hang as DiskThreads has threads for.
  static constexpr size_t kMaxLoadingOfDisk = 4;
  static constexpr size_t kMaxLoading = 32 * kMaxLoadingOfDisk;
  static constexpr size_t kMaxLoadingOfFile = 2;

  // Called when a block for which Get() returned -EAGAIN is there, or has
  // failed.
  using Wake = std::function<void()>;

  struct Block {
    // 0: `data` is valid. -EAGAIN: the block is not there yet, and the wake
    // will be called. Otherwise -errno of the read.
    int error = 0;
    // Of -EAGAIN: it is being read. Otherwise other reads come first.
    bool is_loading = false;
    std::span<const std::byte> data;  // Valid until the next call of Get().
  };

  // Both outlive the cache; `disk` is joined before the lane stops.
  BlockCache(asio::io_context& lane, DiskThreads& disk)
      : lane_(lane), disk_(disk), entries_(kBlocks) {}

  // Returns the `size` bytes, at most kBlockSize, at `offset`. The offset
  // identifies the block: always ask for the same offset with the same size.
  // Fewer bytes than asked for: the file ends before. Never blocks: what is not
  // in the page cache is read by the disk's threads. A wake whose owner is
  // destroyed is not called.
  Block Get(const std::shared_ptr<RandomAccessFile>& file, uint64_t offset,
            size_t size, const std::weak_ptr<Wake>& wake);

  // Lets go of `file` and of what is known of its content: it is closed when
  // its other owners are gone too.
  void Forget(const RandomAccessFile* file);

 private:
  using Waiting = std::vector<std::weak_ptr<Wake>>;

  // A block that is at hand, or the error of its read.
  struct Entry {
    std::shared_ptr<RandomAccessFile> file;  // Null: the entry is free.
    uint64_t offset = 0;
    size_t wanted_size = 0;
    size_t size = 0;
    int error = 0;
    uint64_t last_used = 0;
    // It was loaded for somebody who has not asked again yet: the number of the
    // load. 0: nobody waits for it.
    uint64_t awaited = 0;
    PageBlock block;
  };

  // A block that is being read.
  struct Load {
    std::shared_ptr<RandomAccessFile> file;
    uint64_t offset = 0;
    size_t size = 0;
    bool forgotten = false;
    PageBlock block;
    Waiting waiting;
  };

  Entry* Find(const RandomAccessFile* file, uint64_t offset);
  Load* FindLoad(const RandomAccessFile* file, uint64_t offset);
  Block Answer(Entry& entry);
  bool MayLoad(const RandomAccessFile& file) const;
  void StartLoad(const std::shared_ptr<RandomAccessFile>& file, uint64_t offset,
                 size_t size, const std::weak_ptr<Wake>& wake);
  void Loaded(const std::shared_ptr<Load>& load, ssize_t result);
  // Puts what was read in the place of the entry that can best be done without.
  Entry& Insert(std::shared_ptr<RandomAccessFile> file, uint64_t offset,
                size_t wanted_size, ssize_t result, PageBlock block);
  Entry& Evict();
  PageBlock TakeSpare();
  void KeepSpare(PageBlock block);
  static void Wait(Waiting& waiting, const std::weak_ptr<Wake>& wake);

  asio::io_context& lane_;
  DiskThreads& disk_;
  std::vector<Entry> entries_;
  std::list<std::shared_ptr<Load>> loads_;
  std::vector<PageBlock> spares_;  // To read into.
  // Whose share of loads is used up.
  Waiting waiting_to_load_;
  uint64_t uses_ = 0;
  uint64_t inserted_ = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_BLOCK_CACHE_H_
