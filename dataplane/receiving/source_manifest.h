// The manifest of a content that this host has, for those who receive it from
// here and verify it block by block.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_SOURCE_MANIFEST_H_
#define TCPTOOL_DATAPLANE_RECEIVING_SOURCE_MANIFEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/page_block.h"
#include "dataplane/base/sha256.h"
#include "dataplane/content/block_digests.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/disk_threads.h"
#include "dataplane/receiving/manifest.h"

namespace tcptool::dataplane {

// Reads a source (see Source::ReadAt()) once from its start to its end, on the
// disk's threads, one block after the other, and tells the digests as they
// become known. It ends when nobody refers to it any more. Any thread may call
// any method.
class SourceManifest : public BlockDigests,
                       public std::enable_shared_from_this<SourceManifest> {
 public:
  // `disk` outlives it.
  static std::shared_ptr<SourceManifest> Start(DiskThreads& disk,
                                               std::shared_ptr<Source> source);

  std::vector<Digest> Digests(uint64_t first, size_t most) const override;
  std::optional<ContentEnd> end() const override;
  absl::Status error() const override;
  // Bytes that have been read.
  uint64_t position() const;

 private:
  explicit SourceManifest(std::shared_ptr<Source> source)
      : source_(std::move(source)), buffer_(kManifestBlock) {}

  static void RunNext(DiskThreads& disk, const std::shared_ptr<Source>& source,
                      const std::weak_ptr<SourceManifest>& weak);
  // False: there is no more to do.
  bool ReadBlock();

  const std::shared_ptr<Source> source_;
  PageBlock buffer_;  // Of the task that runs.
  mutable absl::Mutex mutex_;
  Manifest manifest_ ABSL_GUARDED_BY(mutex_);
  std::optional<ContentEnd> end_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_SOURCE_MANIFEST_H_
