// The blocks of a content that have come last, in memory: until they are on
// their way to the disk, and for those who send them on meanwhile.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_RECENT_BLOCKS_H_
#define TCPTOOL_DATAPLANE_RECEIVING_RECENT_BLOCKS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/page_block.h"
#include "dataplane/content/block_pool.h"

namespace tcptool::dataplane {

// A ring of kBlocks blocks of kManifestBlock bytes, which bounds the memory of
// a reception whatever its disk does; a reader that holds one beyond that keeps
// this one alive. Any thread may call any method. The lock is taken once for a
// block, not for each piece of one.
class RecentBlocks {
 public:
  static constexpr size_t kBlocks = 16;
  // The reader that is furthest, whose next block has to be dropped for one
  // that comes, is waited for until it is no more than kNear blocks behind, for
  // kPatience at most. One that is slower than kNear blocks in that time is
  // left behind, and not waited for before it is near again.
  static constexpr size_t kNear = kBlocks / 2;
  static constexpr std::chrono::milliseconds kPatience{50};

  using Clock = std::chrono::steady_clock;

  // Its bytes are written by the receiver alone, once each, and may be read by
  // anybody up to where the receiver has published them.
  using Block = std::shared_ptr<const PageBlock>;

  RecentBlocks();

  // Memory for the block with this number. Null: the one that came kBlocks
  // before is not released yet, or a reader is waited for: AwaitsReader().
  Block Open(uint64_t index, Clock::time_point now = Clock::now());
  // Why the last Open() has answered null. Nobody tells when that is over: call
  // Open() again.
  bool AwaitsReader() const;
  // The block can be read from the file: it is kept as long as there is room,
  // if anybody has called Find() so far. If not, its memory is that of the next
  // one that is opened, while it is still in the processor's cache. Not before:
  // until then it may not be published to its end.
  void Release(uint64_t index);
  // The block is not in the file, and comes again: it is kept as long as there
  // is room, for those who do not know that yet.
  void GiveUp(uint64_t index);
  // Null: it is not in memory, or not any more.
  Block Find(uint64_t index);
  // Drops the blocks from this number on.
  void DropFrom(uint64_t index);
  // Drops all blocks, and their memory. None is opened after that.
  void Close();

 private:
  struct Slot {
    uint64_t index = 0;
    Block block;  // Null: free.
    bool released = false;
    bool in_file = false;
  };

  void LetGo(uint64_t index, bool in_file);
  bool IsReaderToWaitFor(uint64_t index, Clock::time_point now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::shared_ptr<BlockPool> pool_ ABSL_GUARDED_BY(mutex_);
  std::array<Slot, kBlocks> slots_ ABSL_GUARDED_BY(mutex_);
  bool has_readers_ ABSL_GUARDED_BY(mutex_) = false;  // Or had some.
  // The last block that any of them has found.
  std::optional<uint64_t> furthest_ ABSL_GUARDED_BY(mutex_);
  // Of the one that has it, from when it is to be waited for until it is near.
  std::optional<Clock::time_point> patience_ends_ ABSL_GUARDED_BY(mutex_);
  bool awaits_reader_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_RECENT_BLOCKS_H_
