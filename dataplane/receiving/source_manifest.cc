#include "dataplane/receiving/source_manifest.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"

namespace tcptool::dataplane {

std::shared_ptr<SourceManifest> SourceManifest::Start(
    DiskThreads& disk, std::shared_ptr<Source> source) {
  std::shared_ptr<SourceManifest> manifest(
      new SourceManifest(std::move(source)));
  RunNext(disk, manifest->source_, manifest);
  return manifest;
}

void SourceManifest::RunNext(DiskThreads& disk,
                             const std::shared_ptr<Source>& source,
                             const std::weak_ptr<SourceManifest>& weak) {
  disk.Run(source->disk_client(), [&disk, source, weak] {
    const auto self = weak.lock();
    if (self != nullptr && self->ReadBlock()) RunNext(disk, source, weak);
  });
}

bool SourceManifest::ReadBlock() {
  uint64_t position = 0;
  {
    absl::MutexLock lock(&mutex_);
    position = manifest_.length;
  }
  const absl::StatusOr<size_t> got =
      source_->ReadAt(position, buffer_.first(kManifestBlock));
  const Digest digest = got.ok() ? Sha256::Of(buffer_.first(*got)) : Digest();
  absl::MutexLock lock(&mutex_);
  if (!got.ok()) {
    error_ = got.status();
    return false;
  }
  if (*got > 0) manifest_.blocks.push_back(digest);
  manifest_.length += *got;
  if (*got == kManifestBlock) return true;
  end_ = {.length = manifest_.length, .root = Root(manifest_)};
  return false;
}

std::vector<Digest> SourceManifest::Digests(uint64_t first, size_t most) const {
  absl::MutexLock lock(&mutex_);
  return DigestsFrom(manifest_.blocks, first, most);
}

std::optional<ContentEnd> SourceManifest::end() const {
  absl::MutexLock lock(&mutex_);
  return end_;
}

absl::Status SourceManifest::error() const {
  absl::MutexLock lock(&mutex_);
  return error_;
}

uint64_t SourceManifest::position() const {
  absl::MutexLock lock(&mutex_);
  return manifest_.length;
}

}  // namespace tcptool::dataplane
