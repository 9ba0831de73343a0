#include "dataplane/content/file_source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/lanes/block_cache.h"
#include "dataplane/lanes/lane.h"

namespace tcptool::dataplane {
namespace {

// For so long what was in memory is taken to be there still:
// sendfile(2) waits for the disk where it is not, and there is no way to tell
// it not to. The kernel drops what has just been used last.
constexpr auto kStaysCached = std::chrono::milliseconds(100);

// Of so many extents it is remembered: recipients are spread over several, and
// a look is not for free.
constexpr size_t kRemembered = 64;

// What is sent without a copy comes in such extents. Large ones hide the cost
// of a call and of a look, and nothing need stay in the processor's cache for
// them.
constexpr size_t kExtentSize = size_t{4} << 20;

class FileFeed : public Feed {
 public:
  FileFeed(Lane& lane, std::shared_ptr<RandomAccessFile> file, uint64_t offset,
           uint64_t length, std::function<void()> wake)
      : blocks_(lane.blocks()),
        file_(std::move(file)),
        offset_(offset),
        length_(length),
        wake_(std::make_shared<BlockCache::Wake>(std::move(wake))) {}
  ~FileFeed() override { blocks_.Forget(file_.get()); }

  Piece At(uint64_t position, SendMethod method) override {
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
    if (block.error == -EAGAIN) return {.kind = Piece::Kind::kWait};
    if (block.error != 0) {
      error_ = absl::ErrnoToStatus(
          -block.error,
          absl::StrCat("reading the source at byte ", offset_ + start));
      return {.kind = Piece::Kind::kError};
    }
    if (block.data.size() < size) return Shrunk(start + block.data.size());
    return {.kind = Piece::Kind::kData,
            .data = block.data.subspan(position - start)};
  }

  void Moved(uint64_t, uint64_t) override {}  // The page cache keeps it or not.

  absl::Status error() const override { return error_; }

 private:
  struct Range {
    uint64_t start;
    size_t size;
  };

  // The part that `position` is in, where the content is cut into such parts.
  Range Around(uint64_t position, size_t part) const {
    const uint64_t start = position - position % part;
    return {start, std::min<uint64_t>(part, length_ - start)};
  }

  // When an extent was last seen to be in memory.
  struct Seen {
    uint64_t start = ~uint64_t{0};
    std::chrono::steady_clock::time_point time;
  };

  // One look serves all recipients that come by it.
  bool Cached(uint64_t start, size_t size) {
    if (file_->descriptor() < 0) return false;
    const auto now = std::chrono::steady_clock::now();
    Seen& seen = seen_[start / kExtentSize % kRemembered];
    if (seen.start == start && now - seen.time < kStaysCached) return true;
    if (!file_->Cached(offset_ + start, size)) return false;
    seen = {.start = start, .time = now};
    return true;
  }

  Piece Shrunk(uint64_t end) {
    error_ = absl::DataLossError(
        absl::StrCat("the file has shrunk: it ends ", length_ - end,
                     " bytes before the end that it had at the start"));
    return {.kind = Piece::Kind::kError};
  }

  BlockCache& blocks_;
  const std::shared_ptr<RandomAccessFile> file_;
  const uint64_t offset_;
  const uint64_t length_;
  const std::shared_ptr<BlockCache::Wake> wake_;
  std::array<Seen, kRemembered> seen_;
  absl::Status error_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<FileSource>> FileSource::Create(
    std::shared_ptr<RandomAccessFile> file, uint64_t offset,
    std::optional<uint64_t> length) {
  std::shared_ptr<FileSource> source(
      new FileSource(std::move(file), offset, length));
  if (absl::Status status = source->Prepare(); !status.ok()) return status;
  return source;
}

absl::Status FileSource::Prepare() {
  const absl::StatusOr<uint64_t> size = file_->Size();
  if (!size.ok()) return size.status();
  if (offset_ > *size || wanted_.value_or(0) > *size - offset_) {
    return absl::OutOfRangeError(
        absl::StrCat("the file has ", *size, " bytes; ", wanted_.value_or(0),
                     " bytes from byte ", offset_, " are not in it"));
  }
  length_ = wanted_.value_or(*size - offset_);
  return absl::OkStatus();
}

bool FileSource::DigestSome() {
  constexpr size_t kPart = size_t{256} << 10;
  constexpr int kParts = 16;  // Others wait for their turn.
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kPart);
  for (int i = 0; i < kParts; ++i) {
    const size_t size = std::min<uint64_t>(kPart, length_ - digested_);
    if (size == 0) {
      digest().Finish();
      return false;
    }
    const ssize_t got = file_->Read(offset_ + digested_, {buffer.get(), size});
    // Those who send it say what is wrong.
    if (got < static_cast<ssize_t>(size)) return false;
    digest().Update({buffer.get(), size});
    digested_ += size;
  }
  return true;
}

std::unique_ptr<Feed> FileSource::OpenFeed(Lane& lane,
                                           std::function<void()> wake) {
  return std::make_unique<FileFeed>(lane, file_, offset_, length_,
                                    std::move(wake));
}

}  // namespace tcptool::dataplane
