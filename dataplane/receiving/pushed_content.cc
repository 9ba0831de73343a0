#include "dataplane/receiving/pushed_content.h"

#include <utility>

namespace tcptool::dataplane {

bool PushedContent::Begin() {
  absl::MutexLock lock(&mutex_);
  return !std::exchange(has_begun_, true);
}

void PushedContent::Push(std::string piece) {
  if (piece.empty()) return;
  absl::MutexLock lock(&mutex_);
  piece_ = std::move(piece);
  has_room_ = false;
  Wake();
}

void PushedContent::End() {
  absl::MutexLock lock(&mutex_);
  has_ended_ = true;
  Wake();
}

void PushedContent::Fail(const absl::Status& why) {
  absl::MutexLock lock(&mutex_);
  if (has_ended_ || !failure_.ok()) return;
  failure_ = why;
  Wake();
}

bool PushedContent::HasRoom() {
  absl::MutexLock lock(&mutex_);
  is_awaited_ = !has_room_;
  return has_room_;
}

std::optional<absl::Status> PushedContent::result() const {
  absl::MutexLock lock(&mutex_);
  return result_;
}

void PushedContent::SetOnChange(std::function<void()> on_change) {
  absl::MutexLock lock(&mutex_);
  on_change_ = std::move(on_change);
}

bool PushedContent::has_begun() const {
  absl::MutexLock lock(&mutex_);
  return has_begun_;
}

absl::Status PushedContent::failure() const {
  absl::MutexLock lock(&mutex_);
  return failure_;
}

void PushedContent::Finish(const absl::Status& result) {
  {
    absl::MutexLock lock(&mutex_);
    if (result_) return;
    result_ = result;
    piece_.clear();
  }
  if (const auto call = on_change()) call();
}

bool PushedContent::Attach(std::function<void()> wake) {
  absl::MutexLock lock(&mutex_);
  if (std::exchange(was_attached_, true)) return false;
  wake_ = std::move(wake);
  Wake();
  return true;
}

void PushedContent::Detach() {
  absl::MutexLock lock(&mutex_);
  wake_ = nullptr;
}

PushedContent::Next PushedContent::TakeNext() {
  absl::MutexLock lock(&mutex_);
  if (!failure_.ok()) return {.failure = failure_};
  if (!piece_.empty()) return {.piece = std::exchange(piece_, {})};
  return {.is_end = has_ended_ && has_room_};
}

void PushedContent::Taken() {
  {
    absl::MutexLock lock(&mutex_);
    has_room_ = true;
    if (!std::exchange(is_awaited_, false)) return;
  }
  if (const auto call = on_change()) call();
}

}  // namespace tcptool::dataplane
