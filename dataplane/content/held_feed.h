// A feed that keeps the end of its content back until the whole is known to be
// what it has to be.
#ifndef TCPTOOL_DATAPLANE_CONTENT_HELD_FEED_H_
#define TCPTOOL_DATAPLANE_CONTENT_HELD_FEED_H_

#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/lane.h"

namespace tcptool::dataplane {

// Says whether a content is what it has to be, by reading it once. Any thread.
class WholeCheck {
 public:
  virtual ~WholeCheck() = default;

  // All has been read, and is right.
  virtual bool IsRight() const = 0;
  // Why it is not, or cannot be read; OK as long as it may be right.
  virtual absl::Status error() const = 0;
  // Bytes that have been read.
  virtual uint64_t position() const = 0;
};

// Keeps the last block of 1 MiB back until the check is done, and fails where
// it fails: so nobody has got the whole of what is wrong. Not the look behind
// the last byte (Feed::Verify()): the time for that is short, and to read a
// large file may take longer than to send it.
class HeldFeed : public Feed {
 public:
  // `length`: of the content that `feed` has, in bytes. `wake`: as that of
  // Source::OpenFeed(), which `feed` has too.
  HeldFeed(std::unique_ptr<Feed> feed, std::shared_ptr<const WholeCheck> check,
           uint64_t length, Lane& lane, std::function<void()> wake);

  Piece At(uint64_t position, SendMethod method) override;
  void Moved(uint64_t slowest, uint64_t fastest) override {
    feed_->Moved(slowest, fastest);
  }
  absl::Status error() const override {
    return error_.ok() ? feed_->error() : error_;
  }
  void Verify(Verified done) override { feed_->Verify(std::move(done)); }

 private:
  // Wakes its recipients to look again. A disk that reads on is not one that
  // does not answer (see Piece::of_disk).
  void Wait();

  const std::unique_ptr<Feed> feed_;
  const std::shared_ptr<const WholeCheck> check_;
  const uint64_t last_block_;  // Where it begins.
  const std::shared_ptr<std::function<void()>> wake_;
  asio::steady_timer timer_;
  bool is_waiting_ = false;
  uint64_t seen_ = 0;      // How far it had been read at the last look.
  bool has_moved_ = true;  // Between the last two.
  bool is_right_ = false;
  absl::Status error_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_HELD_FEED_H_
