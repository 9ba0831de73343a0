// A file whose content is known, as that which a reception has left, as a
// source of content for sessions.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_RECEIVED_FILE_SOURCE_H_
#define TCPTOOL_DATAPLANE_RECEIVING_RECEIVED_FILE_SOURCE_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/sha256.h"
#include "dataplane/content/block_digests.h"
#include "dataplane/content/file_source.h"
#include "dataplane/lanes/disk_threads.h"
#include "dataplane/lanes/file_state.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/lanes/random_access_file.h"

namespace tcptool::dataplane {

// A file that is open, and what it was then: all that a source of it needs of
// the disk, and nothing of an engine. So it may be made on a thread that hangs
// for longer than there is one.
struct ReceivedFile {
  // As FileSource::Create() of the whole file. May wait for the disk.
  static absl::StatusOr<ReceivedFile> Open(
      std::shared_ptr<RandomAccessFile> file);

  std::shared_ptr<RandomAccessFile> file;
  FileState state;
  // The same file, to be read beside a transfer.
  std::shared_ptr<FileSource> reading;
};

// A file that has to be what was received, or what others have received of it,
// whatever a disk has lost or somebody has written since. Beside the transfer
// it is read once more for its manifest, on the disk's threads. Its digests are
// told, and its last block is sent, only if its root is the right one: else it
// fails, with DATA_LOSS, and nobody has got the whole of it.
class ReceivedFileSource : public FileSource {
 public:
  // `root`: of what it has to be. `disk` outlives it.
  ReceivedFileSource(DiskThreads& disk, ReceivedFile file, const Digest& root)
      : FileSource(std::move(file.file), file.state, 0, file.state.size),
        disk_(disk),
        reading_(std::move(file.reading)),
        root_(root) {}

  absl::Status Prepare() override;
  std::unique_ptr<Feed> OpenFeed(Lane& lane,
                                 std::function<void()> wake) override;
  std::shared_ptr<const BlockDigests> block_digests() const override;

 private:
  class RootCheck;

  // Begins it, if it has not been.
  std::shared_ptr<const RootCheck> Check() const;

  DiskThreads& disk_;
  // The same file, for the manifest, which may outlive this.
  const std::shared_ptr<FileSource> reading_;
  const Digest root_;
  mutable absl::Mutex mutex_;
  mutable std::shared_ptr<const RootCheck> check_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_RECEIVED_FILE_SOURCE_H_
