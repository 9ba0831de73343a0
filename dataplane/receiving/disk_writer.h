// Writes and hashes what a reception receives, beside the lanes.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_DISK_WRITER_H_
#define TCPTOOL_DATAPLANE_RECEIVING_DISK_WRITER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/sha256.h"
#include "dataplane/content/block_digests.h"
#include "dataplane/lanes/disk_threads.h"
#include "dataplane/receiving/manifest.h"
#include "dataplane/receiving/partial_file.h"
#include "dataplane/receiving/recent_blocks.h"

namespace tcptool::dataplane {

// Takes the content block by block, in order, from the receiver's lane, which
// it never blocks: while the disk is slower than the network, Open() has no
// memory to receive into, and the receiver stops reading. Each block is hashed
// and written by a task of the disk's threads, several at a time. Checkpoints
// (fdatasync, and the range map) are made every kCheckpointBytes, or
// kCheckpointTime where less comes.
//
// Any thread may call any method, unless it says otherwise.
class DiskWriter : public std::enable_shared_from_this<DiskWriter> {
 public:
  using Block = RecentBlocks::Block;

  static constexpr uint64_t kCheckpointBytes = uint64_t{64} << 20;
  static constexpr std::chrono::seconds kCheckpointTime{1};

  struct Options {
    // Whether the SHA-256 of the whole content is computed.
    bool sha256 = false;
    // Blocks count as verified only when their digests are those that Expect()
    // has been told; if not, when they are written.
    bool expects_digests = false;
  };

  // Bytes from the content's start.
  struct Marks {
    // Was written to the file, perhaps only into the page cache.
    uint64_t written = 0;
    // And the digests of its blocks are the expected ones, if any are.
    uint64_t verified = 0;
    // And is synced and in the range map: survives a crash.
    uint64_t durable = 0;
  };
  struct State {
    Marks marks;
    // Nothing is being done, and nothing waits for its turn.
    bool idle = true;
    // All of the content is written and hashed; after Complete().
    bool complete = false;
    // The first block whose digest is not the expected one, or that has changed
    // in the file since it was written, or a kept one that cannot be read.
    std::optional<uint64_t> bad_block;
    // Of the disk. Nothing is written after it.
    absl::Status error;
  };

  // What `file` has kept of an earlier attempt counts as written and durable.
  // It is read again beside all else, as the file may have changed since: a
  // block that is not what the range map says is bad, and the content is not
  // complete before. `changed` is called on the disk's threads when the state
  // has changed, with no lock held, and must not block. `disk` outlives the
  // writer.
  DiskWriter(DiskThreads& disk, DiskThreads::Client client,
             std::shared_ptr<PartialFile> file, const Options& options,
             std::function<void()> changed);

  // The receiver's side, on its lane: memory for the next block, and its
  // content when it is full, or is the last. Null: the memory is used up;
  // `changed` will be called, unless a reader is waited for.
  Block Open(uint64_t index) { return recent_.Open(index); }
  // Why the last Open() has answered null: call it again soon.
  bool AwaitsReader() const { return recent_.AwaitsReader(); }
  void Write(uint64_t index, Block block, size_t size);
  // The content has ended: all of it has been given to Write().
  void Complete(uint64_t length);

  // The digests of the blocks from number `first` on, as the source of the
  // content has them. Those that are known already must be the same: if not,
  // FAILED_PRECONDITION. OUT_OF_RANGE: some before them are
  // missing.
  absl::Status Expect(uint64_t first, std::span<const Digest> digests);

  // Whether the expected digests are those of more blocks than such a content
  // has, or of all of them, and its root is not theirs. Takes a while for a
  // long one.
  bool Contradicts(const ContentEnd& end) const;

  // Forgets this block and those behind it, none of which was given to Write():
  // they come again.
  void Drop(uint64_t index) { recent_.DropFrom(index); }

  // Block number `index`, which had this digest when it was written, has
  // another one in the file. It is bad where the source's digests are known, so
  // that it comes again, and those before it are read again before the content
  // is complete; else that is an error. Nothing happens if the block has come
  // again since, or is about to.
  void Lost(uint64_t index, const Digest& digest);

  // Everything is written, and nothing more comes: the file alone has it.
  void FreeMemory() { recent_.Close(); }

  // Makes a checkpoint if one is due. Called by itself when a block is written;
  // to be called now and then where blocks are rare.
  void CheckpointIfDue();

  // Forgets all blocks from this number on, or all if it is a kept one; they
  // come again. What was expected of them is forgotten too, and is to be told
  // anew; `forgets_all`: of all blocks, and none counts as verified before. The
  // writer is idle. `done` is called on one of the disk's threads.
  void Rewind(uint64_t index, bool forgets_all,
              std::function<void(absl::Status)> done);

  State state() const;

  // Content that is in memory; null if it is not, or not any more: it is then
  // written.
  Block Find(uint64_t index) { return recent_.Find(index); }
  // Of a block that is written.
  std::optional<Digest> DigestOf(uint64_t index) const;

  // Of the blocks from number `first` on that are verified; at most `most`.
  std::vector<Digest> VerifiedDigests(uint64_t first, size_t most) const;

  // After state().complete.
  Manifest manifest() const;
  // Empty if it was not asked for.
  std::optional<Digest> sha256() const;

  const std::shared_ptr<PartialFile>& file() const { return file_; }
  const DiskThreads::Client& client() const { return client_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Pending {
    Block block;
    size_t size = 0;
    std::optional<Digest> digest;  // Set when it is written.
  };

  void WriteNow(uint64_t index, const Block& block, size_t size);
  // Hashes what has been written into the SHA-256 of the whole, in order, until
  // there is no more, or another thread does so.
  void HashWhole();
  // The same for all of a file whose beginning another process has received.
  void HashFile();
  // Reads one of the kept blocks again.
  void CheckKept();
  void CheckpointNow(const std::vector<Digest>& blocks);
  absl::Status RewindNow(uint64_t index, bool forgets_all);

  // Moves the marks as far as what is done allows.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets go of the blocks that nobody needs any more.
  void Release() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartCheckpoint() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartHashFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartCheckKept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsBad(uint64_t index, const Digest& digest) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t LengthOf(uint64_t blocks) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetBad(uint64_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fail(absl::Status error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes nothing more of the blocks from this number on.
  void GiveUpFrom(uint64_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AllWritten() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HashesOnTheWay() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return options_.sha256 && !hash_file_;
  }
  // Runs `task` on the disk's threads.
  void Run(std::function<void()> task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  DiskThreads& disk_;
  const DiskThreads::Client client_;
  const std::shared_ptr<PartialFile> file_;
  const Options options_;
  const std::function<void()> changed_;
  RecentBlocks recent_;

  mutable absl::Mutex mutex_;
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;  // Tasks.
  // From Write() until it is needed no more.
  std::map<uint64_t, Pending> pending_ ABSL_GUARDED_BY(mutex_);
  // Of the blocks that are written, from the first on without a gap.
  std::vector<Digest> digests_ ABSL_GUARDED_BY(mutex_);
  std::vector<Digest> expected_ ABSL_GUARDED_BY(mutex_);
  uint64_t verified_ ABSL_GUARDED_BY(mutex_) = 0;  // Blocks.
  uint64_t durable_ ABSL_GUARDED_BY(mutex_) = 0;   // Blocks.
  // Blocks that an earlier attempt has kept, or that are before one that the
  // file has lost, and how many of them have been read again.
  uint64_t kept_ ABSL_GUARDED_BY(mutex_);
  uint64_t kept_checked_ ABSL_GUARDED_BY(mutex_) = 0;
  bool checking_kept_ ABSL_GUARDED_BY(mutex_) = false;
  // Known from the block on that is shorter than others, or Complete().
  std::optional<uint64_t> length_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<uint64_t> bad_block_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);

  bool checkpointing_ ABSL_GUARDED_BY(mutex_) = false;
  Clock::time_point last_checkpoint_ ABSL_GUARDED_BY(mutex_) = Clock::now();

  // The running SHA-256 of the whole; used without the mutex, by the thread
  // that has set hashing_.
  std::optional<Sha256> whole_;
  bool hashing_ ABSL_GUARDED_BY(mutex_) = false;
  // whole_ is of no use, since the beginning of the content came in an earlier
  // attempt, or since blocks that it has were dropped: the SHA-256 is computed
  // from the file when the content is complete.
  bool hash_file_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t hashed_ ABSL_GUARDED_BY(mutex_) = 0;  // Blocks.
  std::optional<Digest> sha256_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_DISK_WRITER_H_
