// A content that is being received, as a source of content for sessions: what
// has come is sent on while the rest comes.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_SPOOL_H_
#define TCPTOOL_DATAPLANE_RECEIVING_SPOOL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/content/block_digests.h"
#include "dataplane/content/route.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/receiving/disk_writer.h"
#include "dataplane/receiving/feed_waker.h"

namespace tcptool::dataplane {

// Shared by a reception, which tells it how far the content is, and by any
// number of sources, whose feeds may be on any lane. A piece costs no lock: the
// marks are atomics, and a feed keeps the block that it is in.
class Spool : public std::enable_shared_from_this<Spool> {
 public:
  // How far a feed may read.
  enum class Level : uint8_t {
    // What has been verified, block by block where the digests are known
    // before: for recipients, who take what they are given.
    kVerified,
    // All that has come: for those who verify it themselves.
    kReceived,
  };

  // `home`: the reception's lane.
  explicit Spool(Lane& home) : home_(home) {}

  // --- The reception's side, on its lane ---

  // Before anything is published.
  void Attach(std::shared_ptr<DiskWriter> writer);
  // Both in bytes from the content's start. They go back before the writer
  // drops what was received behind them, and comes again.
  void Publish(uint64_t received, uint64_t verified);
  // How long the content will be, as far as that is known before its end.
  void Announce(std::optional<uint64_t> length) {
    announced_ = length.value_or(kUnknown);
  }
  // The content is complete and verified: for those who verify it themselves it
  // ends there. If it ended otherwise before Reopen(), it is another one: see
  // Replace().
  void Conclude(const ContentEnd& end);
  // Some of it has been lost since, and comes again.
  void Reopen() { concluded_length_ = kUnknown; }
  // It is on the disk too: it ends there for all. `sha256`: where it is known.
  void Complete(const ContentEnd& end, const std::optional<Digest>& sha256);
  // There will be no more: the feeds fail.
  void Fail(const absl::Status& error);
  // Content that was published as verified may come again as another one: the
  // sources that are there fail, and later ones have what comes.
  void Replace();

  // --- The sessions' side, any thread ---

  // For one session. What is asked of it before the reception has begun, waits.
  // `route`: the source's, until the content is complete; called on any thread.
  using RouteHere = std::function<Route()>;
  std::shared_ptr<Source> OpenSource(
      Level level, RouteHere route = [] { return Route(); });

  // Of the whole content, once it is known.
  std::optional<uint64_t> length() const;

 private:
  class SpoolDigests;
  class SpoolSource;
  class SpoolFeed;

  static constexpr uint64_t kUnknown = std::numeric_limits<uint64_t>::max();

  std::shared_ptr<DiskWriter> writer() const {
    absl::MutexLock lock(&mutex_);
    return writer_;
  }
  uint64_t mark(Level level) const {
    return level == Level::kReceived ? received_ : verified_;
  }
  std::vector<std::shared_ptr<SpoolSource>> Sources() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Where the content ends for a feed; kUnknown: it does not yet.
  uint64_t length_of(Level level) const {
    return level == Level::kReceived ? concluded_length_ : length_;
  }
  std::optional<ContentEnd> end(Level level) const;
  // Why a source of this edition has no more; OK if that is not so.
  absl::Status ErrorOf(uint64_t edition) const;
  // Those that wait to hear of a failure, which hear of it once.
  std::vector<Source::OnFailure> TakeOnFailures()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WhenFailed(SpoolSource& source, const Source::OnFailure& failed);
  void Register(const std::shared_ptr<FeedWaker>& waker);
  // Wakes the feeds that wait.
  void Wake();

  Lane& home_;
  std::atomic<uint64_t> received_{0};
  std::atomic<uint64_t> verified_{0};
  // How often they have gone back. Read before a mark and after a block that
  // belongs to it: if it is the same, so do they.
  std::atomic<uint64_t> generation_{0};
  std::atomic<uint64_t> concluded_length_{kUnknown};
  std::atomic<uint64_t> length_{kUnknown};
  std::atomic<uint64_t> announced_{kUnknown};
  std::atomic<bool> failed_{false};
  std::atomic<uint64_t> edition_{0};  // How often it was replaced.
  std::vector<std::shared_ptr<FeedWaker>> wakers_;  // On the home lane.
  mutable absl::Mutex mutex_;
  std::shared_ptr<DiskWriter> writer_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::optional<ContentEnd> end_
      ABSL_GUARDED_BY(mutex_);  // Or the last one of this edition.
  std::optional<Digest> sha256_ ABSL_GUARDED_BY(mutex_);
  // Some that were closed since may still be in it.
  std::vector<std::weak_ptr<SpoolSource>> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_SPOOL_H_
