// The blocks of files that a lane is sending: each is read once and then sent
// to every recipient near it while it is hot in the processor's cache.
#ifndef TCPTOOL_DATAPLANE_LANES_BLOCK_CACHE_H_
#define TCPTOOL_DATAPLANE_LANES_BLOCK_CACHE_H_

#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/lanes/random_access_file.h"

namespace tcptool::dataplane {

// All sessions of a lane share the cache, so that its memory, kBlocks of
// kBlockSize and one to read into, is a bound whatever their number. Lives on
// the lane's thread.
class BlockCache {
 public:
  // Large enough to hide the cost of a call, small enough that a few blocks
  // stay in a core's own cache; see docs/benchmarks.md.
  static constexpr size_t kBlockSize = size_t{1} << 20;
  static constexpr size_t kBlocks = 8;
  // So many are on their way from the disk at most: files that are in memory
  // always have blocks left, however many others are not.
  static constexpr size_t kMaxLoading = kBlocks / 2;

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
  using Waiting = std::vector<std::weak_ptr<Wake>>;
  struct Entry {
    std::shared_ptr<RandomAccessFile> file;
    uint64_t offset = 0;
    size_t size = 0;
    int error = 0;
    bool loading = false;
    bool wanted = false;  // It has been loaded, and nobody has asked again yet.
    uint64_t last_used = 0;
    // Shared with the disk's thread while it loads.
    std::shared_ptr<std::byte[]> buffer;
    Waiting waiting;
  };

  Entry* Find(const RandomAccessFile* file, uint64_t offset);
  // A new entry. Null: too many are loading already.
  Entry* Fetch(const std::shared_ptr<RandomAccessFile>& file, uint64_t offset,
               size_t size);
  // The entry that can best be done without; it is not loading.
  Entry& Evict();
  void Load(Entry& entry, size_t size);
  static void Wait(Waiting& waiting, const std::weak_ptr<Wake>& wake);
  void Loaded(Entry& entry, ssize_t result);

  asio::io_context& lane_;
  asio::thread_pool& disk_;
  std::vector<Entry> entries_;
  std::shared_ptr<std::byte[]> spare_;  // To read into.
  size_t loading_ = 0;
  Waiting waiting_to_load_;
  uint64_t clock_ = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_BLOCK_CACHE_H_
