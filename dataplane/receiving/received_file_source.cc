#include "dataplane/receiving/received_file_source.h"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <vector>

#include "dataplane/receiving/manifest.h"
#include "dataplane/receiving/source_manifest.h"

namespace tcptool::dataplane {
namespace {

// How often a feed that holds the last block looks whether it may go.
constexpr auto kLookInterval = std::chrono::milliseconds(20);

}  // namespace

// What the manifest says, once its root is the right one.
class ReceivedFileSource::RootCheck : public BlockDigests {
 public:
  RootCheck(std::shared_ptr<const SourceManifest> manifest, const Digest& root)
      : manifest_(std::move(manifest)), root_(root) {}

  std::vector<Digest> Digests(uint64_t first, size_t most) const override {
    return end() ? manifest_->Digests(first, most) : std::vector<Digest>();
  }
  std::optional<ContentEnd> end() const override {
    const auto end = manifest_->end();
    return end && end->root == root_ ? end : std::nullopt;
  }
  absl::Status error() const override {
    const auto end = manifest_->end();
    if (!end || end->root == root_) return manifest_->error();
    return absl::DataLossError(
        "the file is not what it has to be: its disk has lost something, or "
        "somebody has written to it; receive it again, or, if it is a source, "
        "put back what it was");
  }
  // Bytes that have been read for it.
  uint64_t position() const { return manifest_->position(); }

 private:
  const std::shared_ptr<const SourceManifest> manifest_;
  const Digest root_;
};

// Keeps the last block back until the check is done. Not the look behind the
// last byte (Feed::Verify()): the time for that is short, and to read a large
// file may take longer than to send it.
class ReceivedFileSource::HeldFeed : public Feed {
 public:
  HeldFeed(std::unique_ptr<Feed> feed, std::shared_ptr<const RootCheck> check,
           uint64_t length, Lane& lane, std::function<void()> wake)
      : feed_(std::move(feed)),
        check_(std::move(check)),
        last_block_(
            length == 0 ? 0 : (length - 1) / kManifestBlock * kManifestBlock),
        wake_(std::make_shared<std::function<void()>>(std::move(wake))),
        timer_(lane.io()) {}

  Piece At(uint64_t position, SendMethod method) override {
    if (position >= last_block_ && !is_right_) {
      error_ = check_->error();
      if (!error_.ok()) return {.kind = Piece::Kind::kError};
      is_right_ = check_->end().has_value();
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

  void Moved(uint64_t slowest, uint64_t fastest) override {
    feed_->Moved(slowest, fastest);
  }
  absl::Status error() const override {
    return error_.ok() ? feed_->error() : error_;
  }
  void Verify(Verified done) override { feed_->Verify(std::move(done)); }

 private:
  // Wakes its recipients to look again. A disk that reads on is not one that
  // does not answer (see Piece::of_disk).
  void Wait() {
    is_waiting_ = true;
    timer_.expires_after(kLookInterval);
    timer_.async_wait(
        [this, weak = std::weak_ptr(wake_)](std::error_code error) {
          const auto wake = weak.lock();
          if (error || wake == nullptr) return;  // The feed has gone.
          is_waiting_ = false;
          const uint64_t position = check_->position();
          has_moved_ = position != std::exchange(seen_, position);
          (*wake)();
        });
  }

  const std::unique_ptr<Feed> feed_;
  const std::shared_ptr<const RootCheck> check_;
  const uint64_t last_block_;  // Where it begins.
  const std::shared_ptr<std::function<void()>> wake_;
  asio::steady_timer timer_;
  bool is_waiting_ = false;
  uint64_t seen_ = 0;      // How far it had been read at the last look.
  bool has_moved_ = true;  // Between the last two.
  bool is_right_ = false;
  absl::Status error_;
};

absl::StatusOr<ReceivedFile> ReceivedFile::Open(
    std::shared_ptr<RandomAccessFile> file) {
  const absl::StatusOr<FileState> state = file->State();
  if (!state.ok()) return state.status();
  auto reading = FileSource::Create(file, 0, state->size);
  if (!reading.ok()) return reading.status();
  return ReceivedFile{
      .file = std::move(file), .state = *state, .reading = *std::move(reading)};
}

absl::Status ReceivedFileSource::Prepare() {
  absl::Status status = FileSource::Prepare();
  if (status.ok()) Check();
  return status;
}

std::unique_ptr<Feed> ReceivedFileSource::OpenFeed(Lane& lane,
                                                   std::function<void()> wake) {
  return std::make_unique<HeldFeed>(FileSource::OpenFeed(lane, wake), Check(),
                                    *length(), lane, wake);
}

std::shared_ptr<const BlockDigests> ReceivedFileSource::block_digests() const {
  return Check();
}

std::shared_ptr<const ReceivedFileSource::RootCheck> ReceivedFileSource::Check()
    const {
  absl::MutexLock lock(&mutex_);
  if (check_ == nullptr) {
    check_ = std::make_shared<RootCheck>(SourceManifest::Start(disk_, reading_),
                                         root_);
  }
  return check_;
}

}  // namespace tcptool::dataplane
