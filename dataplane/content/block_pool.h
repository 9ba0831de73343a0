// Memory of blocks that a stream's recipients have passed, or that a reception
// has written, for the next ones.
#ifndef TCPTOOL_DATAPLANE_CONTENT_BLOCK_POOL_H_
#define TCPTOOL_DATAPLANE_CONTENT_BLOCK_POOL_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/page_block.h"

namespace tcptool::dataplane {

// Fresh memory costs a page fault every 4 KiB. Holds as many blocks as were in
// use at a time, which whoever takes them bounds. Any thread may call any
// method, and let go of a block.
class BlockPool : public std::enable_shared_from_this<BlockPool> {
 public:
  // Large enough to hide the cost of a call, small enough that the few blocks
  // between the producer and the fastest recipient stay in the processor's
  // cache; see docs/benchmarks.md.
  static constexpr size_t kBlockSize = size_t{640} << 10;

  // `block_size`: a multiple of PageBlock::kAlignment.
  explicit BlockPool(size_t block_size = kBlockSize)
      : block_size_(block_size) {}

  // A block, which comes back when nobody has it any more.
  std::shared_ptr<const PageBlock> Get() {
    PageBlock block = Take();
    if (!block) block = PageBlock(block_size_);
    return {new PageBlock(std::move(block)),
            [pool = shared_from_this()](PageBlock* used) {
              {
                absl::MutexLock lock(&pool->mutex_);
                pool->free_.push_back(std::move(*used));
              }
              delete used;
            }};
  }

 private:
  // Empty if there is none.
  PageBlock Take() {
    absl::MutexLock lock(&mutex_);
    if (free_.empty()) return {};
    PageBlock block = std::move(free_.back());
    free_.pop_back();
    return block;
  }

  const size_t block_size_;
  absl::Mutex mutex_;
  std::vector<PageBlock> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_BLOCK_POOL_H_
