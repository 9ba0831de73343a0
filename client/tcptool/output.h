// Where a recipient's content goes.
#ifndef TCPTOOL_CLIENT_TCPTOOL_OUTPUT_H_
#define TCPTOOL_CLIENT_TCPTOOL_OUTPUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/tcptool/write_back.h"
#include "dataplane/base/unique_fd.h"

namespace tcptool::client {

struct OutputOptions {
  // A regular file, a block device, a FIFO, ...; empty: standard output.
  std::string path;
  // Finish() returns when the content is on the disk.
  bool sync = false;
  // Regular files: blocks of zeros become holes.
  bool sparse = false;
  // Block devices: blocks of zeros are discarded, where the device can do so
  // and reads as zeros there.
  bool discard = false;
  // Write also to a block device that is mounted or otherwise in use.
  bool force = false;
};

// Open(), Begin(), Append() as often as there is content, Finish(). What is
// there before Begin() is left alone: nothing is created, nothing is emptied.
// Without Finish(), what has been appended so far stays.
//
// Each method answers with the system's reason alone. For one thread, but for
// size().
class Output {
 public:
  // Checks that the output can be written; blocks until a FIFO has a reader.
  static absl::StatusOr<std::unique_ptr<Output>> Open(OutputOptions options);

  // The sender has begun, or has ended an empty content: creates or truncates
  // the file. Standard output is not truncated.
  absl::Status Begin();
  // The size of the regular file that Begin() has truncated.
  uint64_t replaced_bytes() const { return replaced_bytes_; }

  absl::Status Append(std::span<const std::byte> data);

  // Call it after all content. Flushes the program's buffers, and with `sync`
  // the system's.
  absl::Status Finish();

  // Bytes of content that were written. Any thread.
  uint64_t size() const { return size_; }

 private:
  Output(OutputOptions options, dataplane::UniqueFd file)
      : options_(std::move(options)), file_(std::move(file)) {}

  // After the file is opened: what kind it is, and what that allows.
  absl::Status Inspect();
  // Writes whole units, those of zeros as holes.
  absl::Status AppendUnits(std::span<const std::byte> data);
  absl::Status AppendZeros(std::span<const std::byte> zeros);
  absl::Status Write(std::span<const std::byte> data);
  absl::Status CheckDeviceHasRoom(size_t more) const;
  absl::Status SyncDirectory();
  size_t hole_unit() const;

  // How a hole is made: not at all, by lseek(2) beyond it, by fallocate(2).
  enum class Hole : uint8_t { kNone, kSeek, kPunch };

  const OutputOptions options_;
  dataplane::UniqueFd file_;  // Not valid: to be created.
  uint64_t begin_ = 0;        // Where the content begins in the file.
  std::optional<uint64_t> device_size_;
  bool is_new_ = false;
  uint64_t replaced_bytes_ = 0;
  Hole hole_ = Hole::kNone;
  bool ends_in_hole_ = false;
  // With holes: the part of a unit that has come so far.
  std::vector<std::byte> unit_;
  std::optional<WriteBack> write_back_;
  std::atomic<uint64_t> size_{0};
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_OUTPUT_H_
