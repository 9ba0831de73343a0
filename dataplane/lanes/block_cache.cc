#include "dataplane/lanes/block_cache.h"

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <iterator>
#include <tuple>
#include <utility>

namespace tcptool::dataplane {
namespace {

// A block that was loaded from a disk is not evicted before whoever waits for
// it has asked again: otherwise recipients at many positions of a file that is
// not in memory would evict each other's blocks before they are sent. After so
// many further blocks it may be evicted all the same, as whoever waited for it
// may have gone.
constexpr uint64_t kAwaited = 256;

// Free blocks that are kept for the next reads, instead of being returned to
// malloc.
constexpr size_t kSpares = 2;

}  // namespace

BlockCache::Block BlockCache::Get(const std::shared_ptr<RandomAccessFile>& file,
                                  uint64_t offset, size_t size,
                                  const std::weak_ptr<Wake>& wake) {
  if (Entry* entry = Find(file.get(), offset)) return Answer(*entry);
  if (Load* load = FindLoad(file.get(), offset)) {
    Wait(load->waiting, wake);
    return {.error = -EAGAIN, .is_loading = true};
  }
  PageBlock block = TakeSpare();
  ssize_t result = file->ReadCached(offset, block.first(size));
  // Linux 5.9 and 5.10 answer RWF_NOWAIT with 0 before the end too (preadv2(2),
  // BUGS): that a file ends is asked where waiting is allowed.
  if (result >= 0 && static_cast<size_t>(result) < size) result = -EAGAIN;
  if (result != -EAGAIN) {
    return Answer(Insert(file, offset, size, result, std::move(block)));
  }
  KeepSpare(std::move(block));
  const bool may_load = MayLoad(*file);
  if (may_load) {
    StartLoad(file, offset, size, wake);
  } else {
    Wait(waiting_to_load_, wake);
  }
  return {.error = -EAGAIN, .is_loading = may_load};
}

BlockCache::Block BlockCache::Answer(Entry& entry) {
  entry.last_used = ++uses_;
  entry.awaited = 0;
  // An error, and a block that is short because the file ended there, are
  // answered once: the next Get() reads again. The entry becomes free, but its
  // memory stays as it is until then.
  if (entry.error != 0 || entry.size < entry.wanted_size) entry.file = nullptr;
  if (entry.error != 0) return {.error = entry.error};
  return {.data = entry.block.first(entry.size)};
}

void BlockCache::Forget(const RandomAccessFile* file) {
  for (Entry& entry : entries_) {
    if (entry.file.get() == file) entry.file = nullptr;
  }
  for (const auto& load : loads_) {
    if (load->file.get() == file) load->forgotten = true;
  }
}

BlockCache::Entry* BlockCache::Find(const RandomAccessFile* file,
                                    uint64_t offset) {
  const auto found = std::ranges::find_if(entries_, [=](const Entry& entry) {
    return entry.file.get() == file && entry.offset == offset;
  });
  return found == entries_.end() ? nullptr : &*found;
}

BlockCache::Load* BlockCache::FindLoad(const RandomAccessFile* file,
                                       uint64_t offset) {
  const auto found = std::ranges::find_if(loads_, [=](const auto& load) {
    return load->file.get() == file && load->offset == offset &&
           !load->forgotten;
  });
  return found == loads_.end() ? nullptr : found->get();
}

bool BlockCache::MayLoad(const RandomAccessFile& file) const {
  const auto of_file = std::ranges::count_if(
      loads_, [&](const auto& load) { return load->file.get() == &file; });
  const auto of_disk = std::ranges::count_if(loads_, [&](const auto& load) {
    return load->file->disk() == file.disk();
  });
  return loads_.size() < kMaxLoading &&
         of_disk < static_cast<ptrdiff_t>(kMaxLoadingOfDisk) &&
         of_file < static_cast<ptrdiff_t>(kMaxLoadingOfFile);
}

void BlockCache::StartLoad(const std::shared_ptr<RandomAccessFile>& file,
                           uint64_t offset, size_t size,
                           const std::weak_ptr<Wake>& wake) {
  auto load = std::make_shared<Load>(Load{.file = file,
                                          .offset = offset,
                                          .size = size,
                                          .block = TakeSpare(),
                                          .waiting = {wake}});
  loads_.push_back(load);
  disk_.Run({.disk = file->disk(), .file = file.get()}, [this, load] {
    const ssize_t result =
        load->file->Read(load->offset, load->block.first(load->size));
    asio::post(lane_, [this, load, result] { Loaded(load, result); });
  });
}

void BlockCache::Loaded(const std::shared_ptr<Load>& load, ssize_t result) {
  loads_.remove(load);
  if (load->forgotten) {
    KeepSpare(std::move(load->block));
  } else {
    Entry& entry = Insert(std::move(load->file), load->offset, load->size,
                          result, std::move(load->block));
    entry.awaited = inserted_;
  }
  Waiting waiting = std::move(load->waiting);
  std::ranges::move(std::exchange(waiting_to_load_, {}),
                    std::back_inserter(waiting));
  for (const auto& weak : waiting) {
    if (const auto wake = weak.lock()) (*wake)();
  }
}

BlockCache::Entry& BlockCache::Insert(std::shared_ptr<RandomAccessFile> file,
                                      uint64_t offset, size_t wanted_size,
                                      ssize_t result, PageBlock block) {
  Entry& entry = Evict();
  KeepSpare(std::move(entry.block));
  ++inserted_;
  entry = {.file = std::move(file),
           .offset = offset,
           .wanted_size = wanted_size,
           .size = result < 0 ? 0 : static_cast<size_t>(result),
           .error = result < 0 ? static_cast<int>(result) : 0,
           .last_used = ++uses_,
           .block = std::move(block)};
  return entry;
}

BlockCache::Entry& BlockCache::Evict() {
  return *std::ranges::min_element(entries_, {}, [this](const Entry& entry) {
    const bool awaited =
        entry.awaited != 0 && inserted_ - entry.awaited < kAwaited;
    return std::tuple(entry.file != nullptr, awaited, entry.last_used);
  });
}

PageBlock BlockCache::TakeSpare() {
  if (spares_.empty()) return PageBlock(kBlockSize);
  PageBlock block = std::move(spares_.back());
  spares_.pop_back();
  return block;
}

void BlockCache::KeepSpare(PageBlock block) {
  if (block && spares_.size() < kSpares) spares_.push_back(std::move(block));
}

void BlockCache::Wait(Waiting& waiting, const std::weak_ptr<Wake>& wake) {
  const bool waits = std::ranges::any_of(waiting, [&wake](const auto& other) {
    return !other.owner_before(wake) && !wake.owner_before(other);
  });
  if (!waits) waiting.push_back(wake);
}

}  // namespace tcptool::dataplane
