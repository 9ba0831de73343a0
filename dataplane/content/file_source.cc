#include "dataplane/content/file_source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/content/change_check.h"
#include "dataplane/content/digest_check.h"
#include "dataplane/content/held_feed.h"
#include "dataplane/lanes/block_cache.h"
#include "dataplane/lanes/lane.h"

namespace tcptool::dataplane {
namespace {

// How long an extent that was found in the page cache is taken to be there
// still. sendfile(2) blocks on the disk for pages that are not, and has no
// non-blocking mode. The kernel evicts recently used pages last.
constexpr auto kStaysCached = std::chrono::milliseconds(100);

// How many extents' probes are remembered: recipients are at different
// positions, and a probe costs system calls.
constexpr size_t kRemembered = 64;

// The extent that sendfile(2) is given. Large ones hide the cost of the system
// call and of the probe; the processor's cache does not limit them, since
// nothing is copied.
constexpr size_t kExtentSize = size_t{4} << 20;

// How much ReadForDigest() reads at a time.
constexpr size_t kDigestPart = size_t{1} << 20;

using Clock = std::chrono::steady_clock;

absl::Status Shrunk(uint64_t missing) {
  return absl::DataLossError(
      absl::StrCat("the file has shrunk: it ends ", missing,
                   " bytes before the end that it had at the start"));
}

class FileFeed : public Feed {
 public:
  FileFeed(Lane& lane, std::shared_ptr<RandomAccessFile> file,
           const FileState& state, uint64_t offset, uint64_t length,
           std::function<void()> wake)
      : blocks_(lane.blocks()),
        file_(std::move(file)),
        offset_(offset),
        length_(length),
        change_(std::make_shared<ChangeCheck>(lane, file_, state)),
        wake_(std::make_shared<BlockCache::Wake>(std::move(wake))) {
    change_->Start();
  }
  ~FileFeed() override { blocks_.Forget(file_.get()); }

  Piece At(uint64_t position, SendMethod method) override {
    if (!change_->status().ok()) {
      blocks_.Forget(file_.get());
      error_ = change_->status();
      return {.kind = Piece::Kind::kError};
    }
    if (position == length_) return {.kind = Piece::Kind::kEnd};
    if (method == SendMethod::kZeroCopy) {
      const auto [start, size] = Around(position, kExtentSize);
      if (Cached(start, size)) {
        return {.kind = Piece::Kind::kFile,
                .file = file_->descriptor(),
                .offset = offset_ + position,
                .size = start + size - position};
      }
    }
    const auto [start, size] = Around(position, BlockCache::kBlockSize);
    const BlockCache::Block block =
        blocks_.Get(file_, offset_ + start, size, wake_);
    if (block.error == -EAGAIN) {
      return {.kind = Piece::Kind::kWait, .of_disk = block.is_loading};
    }
    if (block.error != 0) {
      error_ = absl::ErrnoToStatus(
          -block.error,
          absl::StrCat("reading the source at byte ", offset_ + start));
      return {.kind = Piece::Kind::kError};
    }
    if (block.data.size() < size) {
      error_ = Shrunk(length_ - start - block.data.size());
      return {.kind = Piece::Kind::kError};
    }
    return {.kind = Piece::Kind::kData,
            .data = block.data.subspan(position - start)};
  }

  // Nothing to release: the page cache evicts by itself.
  void Moved(uint64_t, uint64_t) override {}

  absl::Status error() const override { return error_; }

  void Verify(Verified done) override { change_->Ask(std::move(done)); }

 private:
  struct Range {
    uint64_t start;
    size_t size;
  };

  // The part that contains `position`, the content being divided into parts of
  // this size.
  Range Around(uint64_t position, size_t part) const {
    const uint64_t start = position - position % part;
    return {start, std::min<uint64_t>(part, length_ - start)};
  }

  // When an extent was last seen to be in memory.
  struct Seen {
    uint64_t start = ~uint64_t{0};
    Clock::time_point time;
  };

  // One probe serves all recipients that pass the extent.
  bool Cached(uint64_t start, size_t size) {
    if (file_->descriptor() < 0) return false;
    const auto now = Clock::now();
    Seen& seen = seen_[start / kExtentSize % kRemembered];
    if (seen.start == start && now - seen.time < kStaysCached) return true;
    if (!file_->Cached(offset_ + start, size)) return false;
    seen = {.start = start, .time = now};
    return true;
  }

  BlockCache& blocks_;
  const std::shared_ptr<RandomAccessFile> file_;
  const uint64_t offset_;
  const uint64_t length_;
  const std::shared_ptr<ChangeCheck> change_;
  const std::shared_ptr<BlockCache::Wake> wake_;
  std::array<Seen, kRemembered> seen_;
  absl::Status error_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<FileSource>> FileSource::Create(
    std::shared_ptr<RandomAccessFile> file, uint64_t offset,
    std::optional<uint64_t> length, LostName lost_name) {
  const absl::StatusOr<FileState> state = file->State();
  if (!state.ok()) return state.status();
  if (offset > state->size || length.value_or(0) > state->size - offset) {
    return absl::OutOfRangeError(absl::StrCat(
        "the file has ", state->size, " bytes; ", length.value_or(0),
        " bytes from byte ", offset, " are not in it"));
  }
  return std::shared_ptr<FileSource>(
      new FileSource(std::move(file), *state, offset,
                     length.value_or(state->size - offset), lost_name));
}

absl::Status FileSource::Prepare() {
  const uint64_t links = state_.links;
  if (absl::Status status = CheckUnchanged(*file_, state_); !status.ok()) {
    return status;
  }
  if (lost_name_ == LostName::kFails && state_.links < links) {
    return absl::DataLossError(
        "the file was replaced by another, or removed, before the session "
        "started; create another session for what has the name now");
  }
  // A file that has just been written may be written once more under the same
  // time stamp: what is read from now on must be told apart from that.
  const absl::Duration wait = TimeUntilDistinct(state_, absl::Now());
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  absl::SleepFor(wait);
  return CheckUnchanged(*file_, state_);
}

absl::StatusOr<bool> FileSource::ReadForDigest() {
  if (!digest().enabled()) return false;
  part_size_ = std::min<uint64_t>(kDigestPart, length_ - digested_);
  if (part_size_ == 0) {
    part_ = PageBlock();
    FileState known = state_;  // Feeds may be reading `state_`.
    if (absl::Status status = CheckUnchanged(*file_, known); !status.ok()) {
      return status;
    }
    digest().Finish();
    if (absl::Status status = CheckDigest(digest()); !status.ok()) {
      return status;
    }
    return false;
  }
  if (!part_) part_ = PageBlock(kDigestPart);
  const absl::Status read = Read(digested_, part_.first(part_size_));
  if (!read.ok()) return read;
  return true;
}

absl::Status FileSource::Read(uint64_t position,
                              std::span<std::byte> buffer) const {
  const ssize_t got = file_->Read(offset_ + position, buffer);
  if (got < 0) {
    return absl::ErrnoToStatus(
        static_cast<int>(-got),
        absl::StrCat("reading the source at byte ", offset_ + position));
  }
  if (static_cast<size_t>(got) < buffer.size()) {
    return Shrunk(length_ - position - got);
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> FileSource::ReadAt(uint64_t position,
                                          std::span<std::byte> buffer) {
  const size_t size =
      std::min<uint64_t>(buffer.size(), length_ - std::min(position, length_));
  absl::Status read = Read(position, buffer.first(size));
  if (!read.ok()) return read;
  FileState known;
  {
    absl::MutexLock lock(&manifest_mutex_);
    known = manifest_state_;
  }
  read = CheckUnchanged(*file_, known);
  if (!read.ok()) return read;
  absl::MutexLock lock(&manifest_mutex_);
  manifest_state_ = known;
  return size;
}

void FileSource::HashForDigest() {
  digest().Update(part_.first(part_size_));
  digested_ += part_size_;
}

std::unique_ptr<Feed> FileSource::OpenFeed(Lane& lane,
                                           std::function<void()> wake) {
  auto feed =
      std::make_unique<FileFeed>(lane, file_, state_, offset_, length_, wake);
  if (digest().expected().empty()) return feed;
  return std::make_unique<HeldFeed>(
      std::move(feed), std::make_shared<const DigestCheck>(shared_digest()),
      length_, lane, std::move(wake));
}

}  // namespace tcptool::dataplane
