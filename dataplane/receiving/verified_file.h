// The file of a content that is being received, for reading again.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_VERIFIED_FILE_H_
#define TCPTOOL_DATAPLANE_RECEIVING_VERIFIED_FILE_H_

#include <memory>
#include <span>

#include "dataplane/lanes/random_access_file.h"
#include "dataplane/receiving/disk_writer.h"

namespace tcptool::dataplane {

// Each block is hashed when it is read, and compared with the digest that it
// had when it came: what a disk has lost, or somebody else has written, is
// -EBADMSG and sent to nobody, and the writer is told (DiskWriter::Lost()). So
// all reads are made by the disk's threads (ReadCached() has nothing), and
// there is no sendfile(2). Read() takes one whole block, as BlockCache does.
class VerifiedFile : public RandomAccessFile {
 public:
  explicit VerifiedFile(std::shared_ptr<DiskWriter> writer)
      : writer_(std::move(writer)) {}

  absl::StatusOr<FileState> State() const override;
  uint64_t disk() const override { return writer_->client().disk; }
  ssize_t ReadCached(uint64_t offset, std::span<std::byte> buffer) override;
  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override;
  bool Cached(uint64_t, size_t) override { return false; }
  int descriptor() const override { return -1; }

 private:
  const std::shared_ptr<DiskWriter> writer_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_VERIFIED_FILE_H_
