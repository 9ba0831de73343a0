#include "dataplane/block_cache.h"

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <utility>

namespace tcptool::dataplane {

BlockCache::Block BlockCache::Get(const std::shared_ptr<RandomAccessFile>& file,
                                  uint64_t offset, size_t size,
                                  const std::weak_ptr<Wake>& wake) {
  Entry* entry = Find(file.get(), offset);
  if (entry == nullptr) {
    entry = Evict();
    if (entry == nullptr) {
      // Every block is on its way; any that arrives makes room.
      Wait(entries_.front(), wake);
      return {.error = -EAGAIN};
    }
    if (entry->buffer == nullptr) {
      entry->buffer = std::make_shared_for_overwrite<std::byte[]>(kBlockSize);
    }
    entry->file = file;
    entry->offset = offset;
    const ssize_t result =
        file->ReadCached(offset, {entry->buffer.get(), size});
    if (result == -EAGAIN) {
      Load(*entry, size);
    } else {
      entry->error = result < 0 ? static_cast<int>(result) : 0;
      entry->size = result < 0 ? 0 : result;
    }
  }
  if (entry->loading) {
    Wait(*entry, wake);
    return {.error = -EAGAIN};
  }
  entry->last_used = ++clock_;
  if (entry->error != 0) {
    entry->file = nullptr;  // The next to ask tries again.
    return {.error = entry->error};
  }
  return {.data = {entry->buffer.get(), entry->size}};
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

BlockCache::Entry* BlockCache::Evict() {
  Entry* oldest = nullptr;
  for (Entry& entry : entries_) {
    if (entry.loading) continue;
    if (oldest == nullptr || entry.last_used < oldest->last_used) {
      oldest = &entry;
    }
  }
  return oldest;
}

void BlockCache::Load(Entry& entry, size_t size) {
  entry.loading = true;
  asio::post(disk_, [this, &entry, file = entry.file, buffer = entry.buffer,
                     offset = entry.offset, size] {
    const ssize_t result = file->Read(offset, {buffer.get(), size});
    asio::post(lane_, [this, &entry, result] { Loaded(entry, result); });
  });
}

void BlockCache::Wait(Entry& entry, const std::weak_ptr<Wake>& wake) {
  const bool waits =
      std::ranges::any_of(entry.waiting, [&wake](const auto& other) {
        return !other.owner_before(wake) && !wake.owner_before(other);
      });
  if (!waits) entry.waiting.push_back(wake);
}

void BlockCache::Loaded(Entry& entry, ssize_t result) {
  entry.loading = false;
  entry.error = result < 0 ? static_cast<int>(result) : 0;
  entry.size = result < 0 ? 0 : result;
  entry.last_used = ++clock_;
  for (const auto& waiting : std::exchange(entry.waiting, {})) {
    if (const auto wake = waiting.lock()) (*wake)();
  }
}

}  // namespace tcptool::dataplane
