// A source that is read once, from front to back: a pipe, or a producer in this
// process. It holds a bounded window of blocks, so that its slowest recipient
// sets the pace.
#ifndef TCPTOOL_DATAPLANE_CONTENT_STREAM_SOURCE_H_
#define TCPTOOL_DATAPLANE_CONTENT_STREAM_SOURCE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/content/source.h"

namespace tcptool::dataplane {

// One producer calls the producer's methods, the session those of Source. Each
// side takes the lock once per block, never per send.
class StreamSource : public Source,
                     public std::enable_shared_from_this<StreamSource> {
 public:
  static constexpr size_t kDefaultWindow = size_t{64} << 20;
  // How far a producer that is cheap to pause, such as the reader of a pipe,
  // should be ahead of the fastest recipient at most: data is then still in the
  // processor's cache when it is sent. The rest of the window is for slower
  // recipients.
  static constexpr size_t kNear = size_t{2} << 20;

  // Content in memory that `owner` keeps alive. All recipients share it; the
  // only copy is into their sockets.
  struct Block {
    std::shared_ptr<const void> owner;
    std::span<const std::byte> data;
    // The memory that `owner` takes, in bytes, if that is more than `data`. It
    // counts against the window, so that many small blocks do not exceed it.
    size_t memory = 0;
  };

  // `window`: limit of the memory that is held, in bytes; the last block may
  // exceed it.
  // `ahead`: how far the producer may be ahead of the fastest recipient, once
  // one has received something.
  explicit StreamSource(size_t window = kDefaultWindow,
                        size_t ahead = std::numeric_limits<size_t>::max())
      : window_(window), ahead_(ahead) {}

  // --- The producer's side ---

  // Appends a block, which must not be empty. Returns whether there is room for
  // another one; if not, `on_room` is called when there is, or when the source
  // is closed. Not to be called after End() or Fail().
  bool Append(Block block);
  // `on_room` is called on a lane and must not block. Set it before the first
  // Append(). Called at once if the source is already closed.
  void set_on_room(std::function<void()> on_room);
  // The session has ended: nobody reads any more.
  bool closed() const;
  // Whether there is room for a block. A recipient's progress can take it away,
  // as it ends the time in which the whole window may be filled.
  bool has_room() const;
  // Waits until there is room. False: the source is closed, nobody reads on.
  bool WaitForRoom();
  // How much the content has to be, in bytes, which is the length() from then
  // on. Before the first Append().
  void ExpectLength(uint64_t length);
  std::optional<uint64_t> expected_length() const;
  // The content is complete; or has failed, with DATA_LOSS, if it has not the
  // expected length or SHA-256.
  void End();
  // The content will never be complete: the session fails with this error.
  void Fail(absl::Status error);
  // With which it has failed. Any thread.
  absl::Status error() const;

  // --- The session's side ---

  absl::Status Prepare() override { return absl::OkStatus(); }
  std::optional<uint64_t> length() const override;
  bool rereadable() const override { return false; }
  bool feed_per_lane() const override { return false; }
  std::unique_ptr<Feed> OpenFeed(Lane& lane,
                                 std::function<void()> wake) override;
  Window window() const override;
  void Close() override;

 protected:
  // Whether its producer reads a disk.
  virtual bool is_of_disk() const { return false; }

 private:
  class StreamFeed;

  static size_t MemoryOf(const Block& block) {
    return std::max(block.memory, block.data.size());
  }
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ || (held_ < window_ &&
                       (fastest_ == 0 || appended_ - fastest_ < ahead_));
  }

  const size_t window_;
  const size_t ahead_;
  mutable absl::Mutex mutex_;
  // Appended, and not yet taken by the feed.
  std::deque<Block> inbox_ ABSL_GUARDED_BY(mutex_);
  size_t held_ ABSL_GUARDED_BY(mutex_) =
      0;  // Bytes of memory, in the inbox and the feed.
  uint64_t appended_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> expected_length_ ABSL_GUARDED_BY(mutex_);
  // The position of the fastest recipient.
  uint64_t fastest_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_room_ ABSL_GUARDED_BY(mutex_);
  // Posts the feed's wake to its lane; set while the feed waits.
  std::function<void()> wake_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_STREAM_SOURCE_H_
