// A source of known length: a regular file or a block device, or a part of one.
#ifndef TCPTOOL_DATAPLANE_CONTENT_FILE_SOURCE_H_
#define TCPTOOL_DATAPLANE_CONTENT_FILE_SOURCE_H_

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/page_block.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/random_access_file.h"

namespace tcptool::dataplane {

// The content is what the file has when the source is made. A file that is
// changed after that fails the session: before the start, while it is sent, and
// before a recipient gets the orderly end that says that its content is whole.
// Not noticed is what leaves no trace in stat(2): who writes to a block device,
// or through a mapping of the file's pages that was there at the start.
//
// Where its digest has an expected value, the end of the content is held back
// until the digest is known to be that (see HeldFeed).
class FileSource : public Source {
 public:
  // What it means that the file loses a name before Prepare(): that it was
  // removed, or another file was put in its place (rename(2)). After that it is
  // served to the end in any case.
  enum class LostName : uint8_t { kServed, kFails };

  // Serves `length` bytes from `offset`; no length: up to the end of the file.
  // OUT_OF_RANGE if the file, as it is now, does not have them. May wait for
  // the disk.
  static absl::StatusOr<std::shared_ptr<FileSource>> Create(
      std::shared_ptr<RandomAccessFile> file, uint64_t offset,
      std::optional<uint64_t> length, LostName lost_name = LostName::kServed);

  absl::Status Prepare() override;
  std::optional<uint64_t> length() const override { return length_; }
  bool rereadable() const override { return true; }
  bool feed_per_lane() const override { return true; }
  std::unique_ptr<Feed> OpenFeed(Lane& lane,
                                 std::function<void()> wake) override;
  DiskThreads::Client disk_client() const override {
    return {.disk = file_->disk(), .file = file_.get()};
  }
  absl::StatusOr<bool> ReadForDigest() override;
  void HashForDigest() override;
  absl::StatusOr<size_t> ReadAt(uint64_t position,
                                std::span<std::byte> buffer) override;
  void Close() override {}

 protected:
  // `state`: of the file, now; the part is in it.
  FileSource(std::shared_ptr<RandomAccessFile> file, const FileState& state,
             uint64_t offset, uint64_t length,
             LostName lost_name = LostName::kServed)
      : file_(std::move(file)),
        state_(state),
        manifest_state_(state),
        offset_(offset),
        length_(length),
        lost_name_(lost_name) {}

 private:
  // Fills `buffer`; an error where the file is shorter.
  absl::Status Read(uint64_t position, std::span<std::byte> buffer) const;

  const std::shared_ptr<RandomAccessFile> file_;

  // When it was made; from Prepare() on, as it was then.
  FileState state_;
  // Two manifests of one source may be read beside each other.
  absl::Mutex manifest_mutex_;
  // The same as `state_`, at the last ReadAt().
  FileState manifest_state_ ABSL_GUARDED_BY(manifest_mutex_);
  const uint64_t offset_;
  const uint64_t length_;
  const LostName lost_name_;
  // The digest's: how far it has come, and the part that is to be hashed.
  uint64_t digested_ = 0;
  PageBlock part_;
  size_t part_size_ = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_FILE_SOURCE_H_
