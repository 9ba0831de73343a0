// The blocks of files that a lane is sending: each is read once and then sent
// to every recipient near it while it is hot in the processor's cache.
#ifndef TCPTOOL_DATAPLANE_BLOCK_CACHE_H_
#define TCPTOOL_DATAPLANE_BLOCK_CACHE_H_

#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/random_access_file.h"

namespace tcptool::dataplane {

// All sessions of a lane share the cache, so that its memory, kBlocks of
// kBlockSize, is a bound whatever their number. Lives on the lane's thread.
class BlockCache {
 public:
  // Large enough to hide the cost of a call, small enough that a few blocks
  // stay in a core's own cache; see docs/benchmarks.md.
  static constexpr size_t kBlockSize = size_t{1} << 20;
  static constexpr size_t kBlocks = 16;

  // Told that a block which was not at hand now is, or has failed.
  using Wake = std::function<void()>;

  struct Block {
    // 0: here is `data`. -EAGAIN: it is on its way, the wake follows. Otherwise
    // the -errno of the read.
    int error = 0;
    std::span<const std::byte> data;  // Valid until the next call of Get().
  };

  BlockCache(asio::io_context& lane, asio::thread_pool& disk)
      : lane_(lane), disk_(disk), entries_(kBlocks) {}

  // The `size` bytes, at most kBlockSize, at `offset`, which is the identity of
  // a block: ask for the same offset with the same size. Fewer bytes than asked
  // for: the file ends before them. Never waits: what is not in memory is read
  // on the disk's threads. A wake whose owner has gone is not called.
  Block Get(const std::shared_ptr<RandomAccessFile>& file, uint64_t offset,
            size_t size, const std::weak_ptr<Wake>& wake);

  // Lets go of `file`: it is closed when its other owners are gone too.
  void Forget(const RandomAccessFile* file);

 private:
  struct Entry {
    std::shared_ptr<RandomAccessFile> file;
    uint64_t offset = 0;
    size_t size = 0;
    int error = 0;
    bool loading = false;
    uint64_t last_used = 0;
    // Shared with the disk's thread while it loads.
    std::shared_ptr<std::byte[]> buffer;
    std::vector<std::weak_ptr<Wake>> waiting;
  };

  Entry* Find(const RandomAccessFile* file, uint64_t offset);
  // The entry that was used least of late; null when all of them are loading.
  Entry* Evict();
  void Load(Entry& entry, size_t size);
  static void Wait(Entry& entry, const std::weak_ptr<Wake>& wake);
  void Loaded(Entry& entry, ssize_t result);

  asio::io_context& lane_;
  asio::thread_pool& disk_;
  std::vector<Entry> entries_;
  uint64_t clock_ = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BLOCK_CACHE_H_
