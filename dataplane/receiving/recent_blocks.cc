#include "dataplane/receiving/recent_blocks.h"

#include <algorithm>

#include "dataplane/receiving/manifest.h"

namespace tcptool::dataplane {

RecentBlocks::RecentBlocks()
    : pool_(std::make_shared<BlockPool>(kManifestBlock)) {}

RecentBlocks::Block RecentBlocks::Open(uint64_t index, Clock::time_point now) {
  absl::MutexLock lock(&mutex_);
  Slot& slot = slots_[index % kBlocks];
  const bool is_free = slot.block == nullptr || slot.released;
  awaits_reader_ = is_free && IsReaderToWaitFor(index, now);
  if (!is_free || awaits_reader_) return nullptr;
  slot.block = nullptr;  // Its memory first, which may be taken again.
  for (Slot& other : slots_) {
    if (!has_readers_ && other.in_file) other.block = nullptr;
  }
  slot = {.index = index, .block = pool_->Get()};
  return slot.block;
}

bool RecentBlocks::IsReaderToWaitFor(uint64_t index, Clock::time_point now) {
  if (!furthest_) return false;
  const uint64_t behind = index - *furthest_;
  if (behind <= kNear) {
    patience_ends_.reset();
  } else if (behind > kBlocks && !patience_ends_) {
    // It has not had the block whose memory this one takes.
    patience_ends_ = now + kPatience;
  }
  return patience_ends_ && now < *patience_ends_;
}

bool RecentBlocks::AwaitsReader() const {
  absl::MutexLock lock(&mutex_);
  return awaits_reader_;
}

void RecentBlocks::Release(uint64_t index) { LetGo(index, true); }

void RecentBlocks::GiveUp(uint64_t index) { LetGo(index, false); }

void RecentBlocks::LetGo(uint64_t index, bool in_file) {
  absl::MutexLock lock(&mutex_);
  Slot& slot = slots_[index % kBlocks];
  if (slot.index != index) return;
  slot.released = true;
  slot.in_file = in_file;
}

RecentBlocks::Block RecentBlocks::Find(uint64_t index) {
  absl::MutexLock lock(&mutex_);
  has_readers_ = true;
  const Slot& slot = slots_[index % kBlocks];
  if (slot.index != index || slot.block == nullptr) return nullptr;
  furthest_ = std::max(furthest_.value_or(index), index);
  return slot.block;
}

void RecentBlocks::DropFrom(uint64_t index) {
  absl::MutexLock lock(&mutex_);
  for (Slot& slot : slots_) {
    if (slot.index >= index) slot = {};
  }
  if (furthest_ < index) return;  // Or there is none.
  furthest_.reset();
  patience_ends_.reset();
}

void RecentBlocks::Close() {
  absl::MutexLock lock(&mutex_);
  slots_ = {};
  // Goes with the last block that a reader still holds.
  pool_ = nullptr;
}

}  // namespace tcptool::dataplane
