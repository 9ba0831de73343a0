#include "dataplane/receiving/received_file_source.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/content/held_feed.h"
#include "dataplane/receiving/source_manifest.h"

namespace tcptool::dataplane {

// What the manifest says, once its root is the right one.
class ReceivedFileSource::RootCheck : public BlockDigests, public WholeCheck {
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
  bool IsRight() const override { return end().has_value(); }
  uint64_t position() const override { return manifest_->position(); }

 private:
  const std::shared_ptr<const SourceManifest> manifest_;
  const Digest root_;
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
