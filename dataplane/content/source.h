// Where a session's content comes from, and how a lane gets at it.
#ifndef TCPTOOL_DATAPLANE_CONTENT_SOURCE_H_
#define TCPTOOL_DATAPLANE_CONTENT_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/sha256.h"
#include "dataplane/content/block_digests.h"
#include "dataplane/content/route.h"
#include "dataplane/lanes/disk_threads.h"

namespace tcptool::dataplane {

class Lane;

// The way content gets from a source into a socket.
enum class SendMethod : uint8_t {
  kCopy,      // send(2) from a block that all recipients share.
  kZeroCopy,  // sendfile(2) from the page cache, where the source has one.
};

// What a feed answers when asked for the content at a position.
struct Piece {
  enum class Kind : uint8_t {
    kData,   // `data`, at least one byte; valid until the feed is asked again.
    kFile,   // `size` bytes at `offset` of the descriptor `file`.
    kWait,   // Not there yet; the feed's wake will be called.
    kEnd,    // The content ends here.
    kError,  // It cannot be had; Feed::error() says why.
  };
  Kind kind = Kind::kWait;
  // kWait: for a disk that has been asked, and should answer; not for its turn
  // at the disk, nor for a producer, which may pause as long as it likes.
  bool of_disk = false;
  std::span<const std::byte> data;
  int file = -1;
  uint64_t offset = 0;
  size_t size = 0;
};

// One lane's view of a source. Never waits. Lives on its lane's thread.
class Feed {
 public:
  virtual ~Feed() = default;

  // The content from `position`, counted in bytes from the content's start.
  virtual Piece At(uint64_t position, SendMethod method) = 0;

  // Tells where the recipients are: no content before `slowest` will be asked
  // for again, and no recipient is beyond `fastest`.
  virtual void Moved(uint64_t slowest, uint64_t fastest) = 0;

  // The reason; valid after kError.
  virtual absl::Status error() const = 0;

  // Whether all that the feed has answered before this call is of one content,
  // the one that there was when the session started: the look is begun after
  // the call. `done` is called on the lane with OK or the reason why not, maybe
  // before Verify() returns; it is not called once the feed is gone.
  using Verified = absl::AnyInvocable<void(const absl::Status&)>;
  virtual void Verify(Verified done) = 0;
};

// Methods may be called on any thread unless they say otherwise.
class Source {
 public:
  virtual ~Source() = default;

  // Called once, when the session starts, on one of the disk's threads. An
  // error fails the session.
  virtual absl::Status Prepare() = 0;

  // Whose share of the disk's threads Prepare() and ReadForDigest() take.
  virtual DiskThreads::Client disk_client() const { return {.file = this}; }

  // Bytes. None: not known yet, as the content is still being produced.
  virtual std::optional<uint64_t> length() const = 0;

  // Bytes from the content's start that are there to be read now.
  virtual uint64_t available() const { return length().value_or(0); }

  // Whether content can be read again from any position at any time, so that
  // each recipient has its own pace and may connect late. If not, what a feed
  // has released (see Feed::Moved()) is gone.
  virtual bool rereadable() const = 0;

  // Whether each lane may open a feed of its own. If not, there is one feed for
  // all recipients, which therefore share a lane.
  virtual bool feed_per_lane() const = 0;

  // Call it on the lane's thread. `wake` is called there after a kWait, but not
  // once the feed is destroyed. The feed owns or shares what it needs of the
  // source.
  virtual std::unique_ptr<Feed> OpenFeed(Lane& lane,
                                         std::function<void()> wake) = 0;

  // Content that is held in memory until all recipients have it, in bytes, and
  // how much that may be. A source that can be read again holds none.
  struct Window {
    uint64_t held = 0;
    uint64_t size = 0;
  };
  virtual Window window() const { return {}; }

  // The SHA-256 of the content. A stream updates it where a block is appended,
  // on the producer's thread.
  ContentDigest& digest() { return *digest_; }
  const ContentDigest& digest() const { return *digest_; }

  // For content that is not hashed as it is produced, after Prepare(), one
  // thread at a time: ReadForDigest(), which may wait for a disk, reads the
  // next part, and HashForDigest(), which takes a processor for a millisecond,
  // takes it into the digest; and so on while ReadForDigest() answers true. It
  // answers false once the digest is complete, or has nothing to do, and an
  // error if there will be none, as the content cannot be read or has changed,
  // or if it is not the expected one.
  virtual absl::StatusOr<bool> ReadForDigest() { return false; }
  virtual void HashForDigest() {}

  // Calls `failed` once it is known that the content will never be whole,
  // though no feed may have read that far: at once, or on any thread. Not once
  // the source is gone. For content that is still being produced by something
  // that tells the session nothing else.
  using OnFailure = std::function<void(const absl::Status&)>;
  virtual void WhenFailed(const OnFailure&) {}

  // How the content comes here, while it is being received.
  virtual Route route() const { return {}; }

  // The digests of its blocks, where they are known or become so without
  // ReadAt(). Null: they are computed with that.
  virtual std::shared_ptr<const BlockDigests> block_digests() const {
    return nullptr;
  }

  // For those who compute the digests of content that can be read again: reads
  // its bytes from `position` on, as many as there are and `buffer` holds, on
  // one of the disk's threads, one thread at a time. DATA_LOSS: it is not what
  // it was when the source was made. UNIMPLEMENTED: it cannot be read by
  // position.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t /*position*/,
                                        std::span<std::byte> /*buffer*/) {
    return absl::UnimplementedError("the content cannot be read by position");
  }

  // The session has ended and will read nothing more; a producer that is
  // blocked for lack of room is woken.
  virtual void Close() = 0;

 protected:
  // For feeds, which may outlive the source.
  std::shared_ptr<const ContentDigest> shared_digest() const { return digest_; }

 private:
  const std::shared_ptr<ContentDigest> digest_ =
      std::make_shared<ContentDigest>();
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_SOURCE_H_
