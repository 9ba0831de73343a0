// A source of known length: a regular file or a block device, or a part of one.
#ifndef TCPTOOL_DATAPLANE_CONTENT_FILE_SOURCE_H_
#define TCPTOOL_DATAPLANE_CONTENT_FILE_SOURCE_H_

#include <atomic>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/random_access_file.h"

namespace tcptool::dataplane {

// The length is fixed when the session starts: what is appended to the file
// later is not sent, and a file that turns out shorter fails the session.
class FileSource : public Source {
 public:
  // Serves `length` bytes from `offset`; no length: up to the end of the file.
  // OUT_OF_RANGE if the file, as it is now, does not have them.
  static absl::StatusOr<std::shared_ptr<FileSource>> Create(
      std::shared_ptr<RandomAccessFile> file, uint64_t offset,
      std::optional<uint64_t> length);

  absl::Status Prepare() override;
  std::optional<uint64_t> length() const override { return length_; }
  bool rereadable() const override { return true; }
  bool feed_per_lane() const override { return true; }
  std::unique_ptr<Feed> OpenFeed(Lane& lane,
                                 std::function<void()> wake) override;
  bool DigestSome() override;
  void Close() override {}

 private:
  FileSource(std::shared_ptr<RandomAccessFile> file, uint64_t offset,
             std::optional<uint64_t> wanted)
      : file_(std::move(file)), offset_(offset), wanted_(wanted) {}

  const std::shared_ptr<RandomAccessFile> file_;
  const uint64_t offset_;
  const std::optional<uint64_t> wanted_;
  std::atomic<uint64_t> length_{0};
  uint64_t digested_ = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_FILE_SOURCE_H_
