#include "dataplane/content/held_feed.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <system_error>
#include <utility>

namespace tcptool::dataplane {
namespace {

constexpr uint64_t kBlock = uint64_t{1} << 20;

// How often a feed that holds the last block looks whether it may go.
constexpr auto kLookInterval = std::chrono::milliseconds(20);

}  // namespace

HeldFeed::HeldFeed(std::unique_ptr<Feed> feed,
                   std::shared_ptr<const WholeCheck> check, uint64_t length,
                   Lane& lane, std::function<void()> wake)
    : feed_(std::move(feed)),
      check_(std::move(check)),
      last_block_(length == 0 ? 0 : (length - 1) / kBlock * kBlock),
      wake_(std::make_shared<std::function<void()>>(std::move(wake))),
      timer_(lane.io()) {}

Piece HeldFeed::At(uint64_t position, SendMethod method) {
  if (position >= last_block_ && !is_right_) {
    error_ = check_->error();
    if (!error_.ok()) return {.kind = Piece::Kind::kError};
    is_right_ = check_->IsRight();
    if (!is_right_) {
      if (!is_waiting_) Wait();
      return {.kind = Piece::Kind::kWait, .of_disk = !has_moved_};
    }
  }
  if (is_right_) return feed_->At(position, method);
  Piece piece = feed_->At(position, method);
  const uint64_t most = last_block_ - position;
  piece.size = std::min<uint64_t>(piece.size, most);
  piece.data = piece.data.first(std::min<uint64_t>(piece.data.size(), most));
  return piece;
}

void HeldFeed::Wait() {
  is_waiting_ = true;
  timer_.expires_after(kLookInterval);
  timer_.async_wait([this, weak = std::weak_ptr(wake_)](std::error_code error) {
    const auto wake = weak.lock();
    if (error || wake == nullptr) return;  // The feed has gone.
    is_waiting_ = false;
    const uint64_t position = check_->position();
    has_moved_ = position != std::exchange(seen_, position);
    (*wake)();
  });
}

}  // namespace tcptool::dataplane
