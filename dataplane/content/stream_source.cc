#include "dataplane/content/stream_source.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/content/digest_check.h"
#include "dataplane/lanes/lane.h"

namespace tcptool::dataplane {

// Holds the blocks from the slowest recipient to the newest.
class StreamSource::StreamFeed : public Feed {
 public:
  StreamFeed(StreamSource& source, std::shared_ptr<Source> keep,
             asio::io_context& io, std::function<void()> wake)
      : source_(source),
        keep_(std::move(keep)),
        io_(io),
        wake_(std::make_shared<std::function<void()>>(std::move(wake))) {}

  Piece At(uint64_t position, SendMethod) override {
    if (position == end_) {
      if (const Piece piece = Take(); piece.kind != Piece::Kind::kData) {
        return piece;
      }
    }
    // The last block that starts at or before the position.
    const auto after =
        std::ranges::upper_bound(blocks_, position, {}, &StartedBlock::start);
    const StartedBlock& block = *std::prev(after);
    return {.kind = Piece::Kind::kData,
            .data = block.block.data.subspan(position - block.start)};
  }

  void Moved(uint64_t slowest, uint64_t fastest) override {
    size_t released = 0;
    while (!blocks_.empty() &&
           blocks_.front().start + blocks_.front().block.data.size() <=
               slowest) {
      released += MemoryOf(blocks_.front().block);
      blocks_.pop_front();
    }
    if (released == 0 && fastest == fastest_) return;
    fastest_ = fastest;
    std::function<void()> on_room;
    {
      absl::MutexLock lock(&source_.mutex_);
      const bool had_room = source_.HasRoom();
      source_.held_ -= released;
      source_.fastest_ = fastest;
      if (!had_room && source_.HasRoom()) on_room = source_.on_room_;
    }
    if (on_room) on_room();
  }

  absl::Status error() const override { return source_.error(); }

  // Blocks do not change once they are appended.
  void Verify(Verified done) override { done(absl::OkStatus()); }

 private:
  struct StartedBlock {
    uint64_t start;
    Block block;
  };

  // Takes the blocks that the producer has appended. kData: there were some.
  Piece Take() {
    absl::MutexLock lock(&source_.mutex_);
    if (!source_.inbox_.empty()) {
      for (Block& block : source_.inbox_) {
        const size_t size = block.data.size();
        blocks_.push_back({end_, std::move(block)});
        end_ += size;
      }
      source_.inbox_.clear();
      return {.kind = Piece::Kind::kData};
    }
    if (!source_.error_.ok()) return {.kind = Piece::Kind::kError};
    if (source_.ended_) return {.kind = Piece::Kind::kEnd};
    source_.wake_ = [&io = io_, wake = std::weak_ptr(wake_)] {
      asio::post(io, [wake] {
        if (const auto alive = wake.lock()) (*alive)();
      });
    };
    return {.kind = Piece::Kind::kWait, .of_disk = source_.is_of_disk()};
  }

  StreamSource& source_;
  const std::shared_ptr<Source> keep_;
  asio::io_context& io_;
  const std::shared_ptr<std::function<void()>> wake_;
  std::deque<StartedBlock> blocks_;
  uint64_t end_ = 0;      // End of the content taken so far.
  uint64_t fastest_ = 0;  // As last told to the source.
};

bool StreamSource::Append(Block block) {
  digest().Update(block.data);
  absl::MutexLock lock(&mutex_);
  if (closed_) return false;
  held_ += MemoryOf(block);
  appended_ += block.data.size();
  inbox_.push_back(std::move(block));
  Wake();
  return HasRoom();
}

void StreamSource::set_on_room(std::function<void()> on_room) {
  {
    absl::MutexLock lock(&mutex_);
    if (!closed_) {
      on_room_ = std::move(on_room);
      return;
    }
  }
  on_room();
}

bool StreamSource::closed() const {
  absl::MutexLock lock(&mutex_);
  return closed_;
}

bool StreamSource::has_room() const {
  absl::MutexLock lock(&mutex_);
  return HasRoom();
}

bool StreamSource::WaitForRoom() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &StreamSource::HasRoom));
  return !closed_;
}

void StreamSource::ExpectLength(uint64_t length) {
  absl::MutexLock lock(&mutex_);
  expected_length_ = length;
}

std::optional<uint64_t> StreamSource::expected_length() const {
  absl::MutexLock lock(&mutex_);
  return expected_length_;
}

void StreamSource::End() {
  digest().Finish();
  absl::MutexLock lock(&mutex_);
  if (expected_length_.value_or(appended_) != appended_) {
    error_ = absl::DataLossError(
        absl::StrCat("the content has ", appended_, " bytes, and not the ",
                     *expected_length_, " that are expected"));
  } else {
    error_ = CheckDigest(digest());
  }
  ended_ = error_.ok();
  Wake();
}

void StreamSource::Fail(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  error_ = std::move(error);
  Wake();
}

absl::Status StreamSource::error() const {
  absl::MutexLock lock(&mutex_);
  return error_;
}

std::optional<uint64_t> StreamSource::length() const {
  absl::MutexLock lock(&mutex_);
  return ended_ ? std::optional(appended_) : expected_length_;
}

std::unique_ptr<Feed> StreamSource::OpenFeed(Lane& lane,
                                             std::function<void()> wake) {
  return std::make_unique<StreamFeed>(*this, shared_from_this(), lane.io(),
                                      std::move(wake));
}

Source::Window StreamSource::window() const {
  absl::MutexLock lock(&mutex_);
  return {.held = held_, .size = window_};
}

void StreamSource::Close() {
  std::function<void()> on_room;
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
    closed_ = true;
    inbox_.clear();
    on_room = std::exchange(on_room_, nullptr);
  }
  if (on_room) on_room();
}

void StreamSource::Wake() {
  if (wake_) std::exchange(wake_, nullptr)();
}

}  // namespace tcptool::dataplane
