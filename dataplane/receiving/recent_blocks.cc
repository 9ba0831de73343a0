#include "dataplane/receiving/recent_blocks.h"

#include "dataplane/receiving/manifest.h"

namespace tcptool::dataplane {

RecentBlocks::RecentBlocks()
    : pool_(std::make_shared<BlockPool>(kManifestBlock)) {}

RecentBlocks::Block RecentBlocks::Open(uint64_t index) {
  absl::MutexLock lock(&mutex_);
  Slot& slot = slots_[index % kBlocks];
  if (slot.block != nullptr && !slot.released) return nullptr;
  slot.block = nullptr;  // Its memory first, which may be taken again.
  for (Slot& other : slots_) {
    if (!has_readers_ && other.in_file) other.block = nullptr;
  }
  slot = {.index = index, .block = pool_->Get()};
  return slot.block;
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
  return slot.index == index ? slot.block : nullptr;
}

void RecentBlocks::DropFrom(uint64_t index) {
  absl::MutexLock lock(&mutex_);
  for (Slot& slot : slots_) {
    if (slot.index >= index) slot = {};
  }
}

void RecentBlocks::Close() {
  absl::MutexLock lock(&mutex_);
  slots_ = {};
  // Goes with the last block that a reader still holds.
  pool_ = nullptr;
}

}  // namespace tcptool::dataplane
