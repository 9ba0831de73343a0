#include "dataplane/lanes/block_cache.h"

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <iterator>
#include <tuple>
#include <utility>

namespace tcptool::dataplane {

BlockCache::Block BlockCache::Get(const std::shared_ptr<RandomAccessFile>& file,
                                  uint64_t offset, size_t size,
                                  const std::weak_ptr<Wake>& wake) {
  Entry* entry = Find(file.get(), offset);
  if (entry == nullptr) entry = Fetch(file, offset, size);
  if (entry == nullptr || entry->loading) {
    Wait(entry == nullptr ? waiting_to_load_ : entry->waiting, wake);
    return {.error = -EAGAIN};
  }
  entry->last_used = ++clock_;
  entry->wanted = false;
  if (entry->error != 0) {
    entry->file = nullptr;  // The next to ask tries again.
    return {.error = entry->error};
  }
  return {.data = {entry->buffer.get(), entry->size}};
}

BlockCache::Entry* BlockCache::Fetch(
    const std::shared_ptr<RandomAccessFile>& file, uint64_t offset,
    size_t size) {
  if (spare_ == nullptr) {
    spare_ = std::make_shared_for_overwrite<std::byte[]>(kBlockSize);
  }
  const ssize_t result = file->ReadCached(offset, {spare_.get(), size});
  if (result == -EAGAIN && loading_ == kMaxLoading) return nullptr;
  Entry& entry = Evict();
  std::swap(entry.buffer, spare_);
  entry.file = file;
  entry.offset = offset;
  if (result == -EAGAIN) {
    Load(entry, size);
  } else {
    entry.error = result < 0 ? static_cast<int>(result) : 0;
    entry.size = result < 0 ? 0 : result;
  }
  return &entry;
}

void BlockCache::Forget(const RandomAccessFile* file) {
  for (Entry& entry : entries_) {
    if (entry.file.get() == file) entry.file = nullptr;
  }
}

BlockCache::Entry* BlockCache::Find(const RandomAccessFile* file,
                                    uint64_t offset) {
  const auto found = std::ranges::find_if(entries_, [=](const Entry& entry) {
    return entry.file.get() == file && entry.offset == offset;
  });
  return found == entries_.end() ? nullptr : &*found;
}

BlockCache::Entry& BlockCache::Evict() {
  // What somebody has waited for stays until it has been asked for, as long as
  // there is something else.
  return *std::ranges::min_element(entries_, {}, [](const Entry& entry) {
    return std::tuple(entry.loading, entry.wanted, entry.last_used);
  });
}

void BlockCache::Load(Entry& entry, size_t size) {
  entry.loading = true;
  ++loading_;
  asio::post(disk_, [this, &entry, file = entry.file, buffer = entry.buffer,
                     offset = entry.offset, size] {
    const ssize_t result = file->Read(offset, {buffer.get(), size});
    asio::post(lane_, [this, &entry, result] { Loaded(entry, result); });
  });
}

void BlockCache::Wait(Waiting& waiting, const std::weak_ptr<Wake>& wake) {
  const bool waits = std::ranges::any_of(waiting, [&wake](const auto& other) {
    return !other.owner_before(wake) && !wake.owner_before(other);
  });
  if (!waits) waiting.push_back(wake);
}

void BlockCache::Loaded(Entry& entry, ssize_t result) {
  entry.loading = false;
  --loading_;
  entry.error = result < 0 ? static_cast<int>(result) : 0;
  entry.size = result < 0 ? 0 : result;
  entry.last_used = ++clock_;
  entry.wanted = true;
  Waiting waiting = std::exchange(entry.waiting, {});
  std::ranges::move(std::exchange(waiting_to_load_, {}),
                    std::back_inserter(waiting));
  for (const auto& weak : waiting) {
    if (const auto wake = weak.lock()) (*wake)();
  }
}

}  // namespace tcptool::dataplane
