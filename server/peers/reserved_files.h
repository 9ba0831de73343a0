// The files that are open for other nodes, where descriptors are scarce.
#ifndef TCPTOOL_SERVER_PEERS_RESERVED_FILES_H_
#define TCPTOOL_SERVER_PEERS_RESERVED_FILES_H_

#include <atomic>
#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/lanes/random_access_file.h"

namespace tcptool::server {

// Recipients leave the descriptors of DescriptorReserve free for the control
// API and the state. Of those, files that nodes follow may have an eighth, so
// that nodes cannot use up what the service is reached by, however many
// receptions they follow. Any thread may call any method. A copy counts with
// the one that it is of, and needs it no more.
class ReservedFiles {
 public:
  using File = std::shared_ptr<dataplane::RandomAccessFile>;

  struct Limits {
    int first_reserved;  // The lowest descriptor that is reserved.
    size_t most;         // How many from there on may be open at a time.

    static Limits Now();  // Of the process.
  };

  explicit ReservedFiles(const Limits& limits = Limits::Now())
      : limits_(limits) {}

  // The file, which counts until its last reference is gone if its descriptor
  // is a reserved one. RESOURCE_EXHAUSTED: it would be one too many; it is let
  // go of.
  absl::StatusOr<File> Admit(File file) const;

 private:
  const Limits limits_;
  // Shared with copies, and with the files, which may be kept for longer.
  const std::shared_ptr<std::atomic<size_t>> open_ =
      std::make_shared<std::atomic<size_t>>(0);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_RESERVED_FILES_H_
