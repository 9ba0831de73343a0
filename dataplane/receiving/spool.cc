#include "dataplane/receiving/spool.h"

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/lanes/block_cache.h"
#include "dataplane/receiving/verified_file.h"

namespace tcptool::dataplane {
namespace {

static_assert(BlockCache::kBlockSize >= kManifestBlock);

absl::Status Replaced() {
  return absl::UnavailableError(
      "what has come of the content may not be the content: the node that it "
      "was received from has said of it what cannot be; it is received again "
      "from another one, so begin again");
}

absl::Status ReadError(int error, uint64_t position) {
  if (error == -EBADMSG) {
    return absl::DataLossError(absl::StrCat(
        "the block at byte ", position,
        " of the content that is being received is not on the disk as it came: "
        "the disk has lost it, or somebody has written to the file"));
  }
  return absl::ErrnoToStatus(
      -error, absl::StrCat("reading what was received at byte ", position));
}

}  // namespace

// Of the blocks that are verified.
class Spool::SpoolDigests : public BlockDigests {
 public:
  SpoolDigests(std::shared_ptr<Spool> spool, uint64_t edition, Level level)
      : spool_(std::move(spool)), edition_(edition), level_(level) {}

  std::vector<Digest> Digests(uint64_t first, size_t most) const override {
    const std::shared_ptr<DiskWriter> writer = spool_->writer();
    if (writer == nullptr) return {};
    auto digests = writer->VerifiedDigests(first, most);
    // They may be those of what has come since.
    return error().ok() ? digests : std::vector<Digest>();
  }
  std::optional<ContentEnd> end() const override {
    return error().ok() ? spool_->end(level_) : std::nullopt;
  }
  absl::Status error() const override { return spool_->ErrorOf(edition_); }

 private:
  const std::shared_ptr<Spool> spool_;
  const uint64_t edition_;
  const Level level_;
};

class Spool::SpoolFeed : public Feed {
 public:
  SpoolFeed(std::shared_ptr<Spool> spool, uint64_t edition, Level level,
            Lane& lane, std::function<void()> wake)
      : spool_(std::move(spool)),
        edition_(edition),
        level_(level),
        blocks_(lane.blocks()),
        wake_(std::make_shared<BlockCache::Wake>(std::move(wake))),
        waker_(std::make_shared<FeedWaker>(lane.io(), wake_)) {
    spool_->Register(waker_);
  }
  ~SpoolFeed() override { ForgetFile(); }

  Piece At(uint64_t position, SendMethod) override {
    Piece piece = Look(position);
    if (piece.kind != Piece::Kind::kWait || is_reading_) return piece;
    waker_->Wait();
    // Publish() wakes only feeds that wait: what it has published between the
    // first look and that is found now.
    piece = Look(position);
    if (piece.kind != Piece::Kind::kWait) waker_->StopWaiting();
    return piece;
  }

  // The content is kept.
  void Moved(uint64_t, uint64_t) override {}

  absl::Status error() const override { return error_; }

  // There is nothing more to look at: each block was verified when it came, or
  // when it was read again from the file (VerifiedFile).
  void Verify(Verified done) override { done(spool_->ErrorOf(edition_)); }

 private:
  Piece Look(uint64_t position) {
    is_reading_ = false;
    if (spool_->failed_ || spool_->edition_ != edition_) {
      return Fail(spool_->ErrorOf(edition_));
    }
    const uint64_t length = spool_->length_of(level_);
    uint64_t end = Take(position / kManifestBlock);
    if (block_ == nullptr && position < end) {
      // It was in memory when the mark was read, and was released since, which
      // happens once all of it has come and is written. With a mark that is
      // read now, it can be read from the file.
      end = Take(position / kManifestBlock);
    }
    if (position >= end) {
      // Who asked for an offset behind the end gets nothing but the end.
      return {.kind =
                  position >= length ? Piece::Kind::kEnd : Piece::Kind::kWait};
    }
    const uint64_t start = block_index_ * kManifestBlock;
    const size_t size = std::min(kManifestBlock, end - start);
    if (block_ == nullptr) return FromFile(position, start, size);
    return {.kind = Piece::Kind::kData,
            .data = block_->first(size).subspan(position - start)};
  }

  // Takes the block with this number, if it is in memory, and returns the mark,
  // up to which the block's content is what was received.
  uint64_t Take(uint64_t index) {
    for (;;) {
      const uint64_t generation = spool_->generation_;
      const uint64_t end = spool_->mark(level_);
      if (generation != generation_) {
        generation_ = generation;
        block_ = nullptr;
        is_in_file_ = false;
        ForgetFile();
      }
      if (block_index_ != index || (block_ == nullptr && !is_in_file_)) {
        const bool has_come = index * kManifestBlock < end;
        block_ = has_come ? Find(index) : nullptr;
        is_in_file_ = has_come && block_ == nullptr;
        block_index_ = index;
      }
      if (spool_->generation_ == generation) return end;
    }
  }

  DiskWriter::Block Find(uint64_t index) {
    if (writer_ == nullptr) writer_ = spool_->writer();
    // None: the reception has failed since.
    return writer_ != nullptr ? writer_->Find(index) : nullptr;
  }

  void ForgetFile() {
    if (file_ == nullptr) return;
    blocks_.Forget(file_.get());
    file_ = nullptr;
  }

  Piece FromFile(uint64_t position, uint64_t start, size_t size) {
    if (writer_ == nullptr) return Fail(spool_->ErrorOf(edition_));
    if (file_ == nullptr) file_ = std::make_shared<VerifiedFile>(writer_);
    const BlockCache::Block block = blocks_.Get(file_, start, size, wake_);
    if (block.error == -EAGAIN) {
      is_reading_ = true;  // The cache wakes.
      return {.kind = Piece::Kind::kWait, .of_disk = block.is_loading};
    }
    if (block.error != 0) return Fail(ReadError(block.error, start));
    if (block.data.size() < size) return Fail(ReadError(-EBADMSG, start));
    return {.kind = Piece::Kind::kData,
            .data = block.data.subspan(position - start)};
  }

  Piece Fail(absl::Status error) {
    error_ = std::move(error);
    return {.kind = Piece::Kind::kError};
  }

  const std::shared_ptr<Spool> spool_;
  const uint64_t edition_;
  const Level level_;
  BlockCache& blocks_;
  const std::shared_ptr<BlockCache::Wake> wake_;
  const std::shared_ptr<FeedWaker> waker_;
  std::shared_ptr<DiskWriter> writer_;  // Once anything has come.
  // The block that was sent last, if it is in memory.
  DiskWriter::Block block_;
  uint64_t block_index_ = 0;
  // It has left the memory, into which it does not come back.
  bool is_in_file_ = false;
  uint64_t generation_ = 0;  // Of what is known of blocks.
  std::shared_ptr<VerifiedFile> file_;
  bool is_reading_ = false;
  absl::Status error_;
};

class Spool::SpoolSource : public Source {
 public:
  SpoolSource(std::shared_ptr<Spool> spool, uint64_t edition, Level level,
              RouteHere route)
      : spool_(std::move(spool)),
        edition_(edition),
        level_(level),
        route_(std::move(route)),
        digests_(std::make_shared<SpoolDigests>(spool_, edition, level)) {}

  absl::Status Prepare() override { return spool_->ErrorOf(edition_); }
  std::optional<uint64_t> length() const override { return spool_->length(); }
  uint64_t available() const override { return spool_->mark(level_); }
  bool rereadable() const override { return true; }
  Route route() const override {
    return spool_->end(level_) ? Route() : route_();
  }
  std::shared_ptr<const BlockDigests> block_digests() const override {
    return digests_;
  }
  bool feed_per_lane() const override { return true; }
  std::unique_ptr<Feed> OpenFeed(Lane& lane,
                                 std::function<void()> wake) override {
    return std::make_unique<SpoolFeed>(spool_, edition_, level_, lane,
                                       std::move(wake));
  }
  void WhenFailed(const OnFailure& failed) override {
    spool_->WhenFailed(*this, failed);
  }
  void Close() override {}

 private:
  friend class Spool;

  const std::shared_ptr<Spool> spool_;
  const uint64_t edition_;
  const Level level_;
  const RouteHere route_;
  const std::shared_ptr<SpoolDigests> digests_;
  OnFailure on_failure_;  // Guarded by the spool's mutex.
};

std::shared_ptr<Source> Spool::OpenSource(Level level, RouteHere route) {
  absl::MutexLock lock(&mutex_);
  auto source = std::make_shared<SpoolSource>(shared_from_this(), edition_,
                                              level, std::move(route));
  if (sha256_) source->digest().Set(*sha256_);
  std::erase_if(sources_, [](const auto& other) { return other.expired(); });
  sources_.push_back(source);
  return source;
}

std::vector<std::shared_ptr<Spool::SpoolSource>> Spool::Sources() const {
  std::vector<std::shared_ptr<SpoolSource>> sources;
  for (const auto& weak : sources_) {
    if (auto source = weak.lock()) sources.push_back(std::move(source));
  }
  return sources;
}

void Spool::WhenFailed(SpoolSource& source, const Source::OnFailure& failed) {
  absl::Status error;
  {
    absl::MutexLock lock(&mutex_);
    error = error_.ok() && source.edition_ != edition_ ? Replaced() : error_;
    if (error.ok()) source.on_failure_ = failed;
  }
  if (!error.ok()) failed(error);
}

void Spool::Attach(std::shared_ptr<DiskWriter> writer) {
  absl::MutexLock lock(&mutex_);
  writer_ = std::move(writer);
}

void Spool::Publish(uint64_t received, uint64_t verified) {
  const bool is_more = received > received_ || verified > verified_;
  const bool is_less = received < received_ || verified < verified_;
  received_ = received;
  verified_ = verified;
  if (is_less) ++generation_;
  if (is_more) Wake();
}

void Spool::Conclude(const ContentEnd& end) {
  bool is_another = false;
  {
    absl::MutexLock lock(&mutex_);
    is_another = end_ && *end_ != end;
  }
  if (is_another) Replace();
  {
    absl::MutexLock lock(&mutex_);
    end_ = end;
  }
  announced_ = end.length;
  concluded_length_ = end.length;
  Wake();
}

void Spool::Complete(const ContentEnd& end,
                     const std::optional<Digest>& sha256) {
  {
    absl::MutexLock lock(&mutex_);
    sha256_ = sha256;
    if (sha256) {
      for (const auto& source : Sources()) source->digest().Set(*sha256);
    }
  }
  length_ = end.length;
  Conclude(end);
}

void Spool::Fail(const absl::Status& error) {
  std::vector<Source::OnFailure> waiting;
  {
    absl::MutexLock lock(&mutex_);
    error_ = error;
    writer_ = nullptr;  // Its memory and its file go with the last feed.
    waiting = TakeOnFailures();
  }
  failed_ = true;
  for (const auto& failed : waiting) failed(error);
  Wake();
}

void Spool::Replace() {
  std::vector<Source::OnFailure> waiting;
  {
    absl::MutexLock lock(&mutex_);
    ++edition_;
    end_.reset();  // No source that is opened now has anything of that.
    waiting = TakeOnFailures();
  }
  for (const auto& failed : waiting) failed(Replaced());
  Wake();
}

std::vector<Source::OnFailure> Spool::TakeOnFailures() {
  std::vector<Source::OnFailure> waiting;
  for (const auto& source : Sources()) {
    if (source->on_failure_) {
      waiting.push_back(std::exchange(source->on_failure_, nullptr));
    }
  }
  return waiting;
}

std::optional<uint64_t> Spool::length() const {
  const uint64_t length = announced_;
  return length == kUnknown ? std::nullopt : std::optional(length);
}

std::optional<ContentEnd> Spool::end(Level level) const {
  absl::MutexLock lock(&mutex_);
  return length_of(level) == kUnknown ? std::nullopt : end_;
}

absl::Status Spool::ErrorOf(uint64_t edition) const {
  absl::MutexLock lock(&mutex_);
  return error_.ok() && edition != edition_ ? Replaced() : error_;
}

void Spool::Register(const std::shared_ptr<FeedWaker>& waker) {
  asio::post(home_.io(), [self = shared_from_this(), waker] {
    self->wakers_.push_back(waker);
    self->Wake();
  });
}

void Spool::Wake() {
  std::erase_if(wakers_, [](const auto& waker) { return waker->expired(); });
  for (const auto& waker : wakers_) waker->Wake();
}

}  // namespace tcptool::dataplane
