// The directories that files are served from, and the only way into them.
#ifndef TCPTOOL_SERVER_SESSIONS_CONTENT_ROOTS_H_
#define TCPTOOL_SERVER_SESSIONS_CONTENT_ROOTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/lanes/random_access_file.h"

namespace tcptool::server {

// Any thread may call the const methods; they may wait for a disk.
class ContentRoots {
 public:
  struct Space {
    std::string name;
    std::optional<uint64_t> free_bytes;  // To an unprivileged user.
    std::optional<uint64_t> total_bytes;
  };

  // Adds "NAME=DIR". INVALID_ARGUMENT, NOT_FOUND or PERMISSION_DENIED name it.
  absl::Status Add(absl::string_view name_and_directory);

  // Opens a regular file or block device below a root for reading. Neither ".."
  // nor a symbolic link leads out of it (openat2(2), RESOLVE_BENEATH). Errors
  // as the API's FileSource says; they never show where the root is.
  absl::StatusOr<std::shared_ptr<dataplane::RandomAccessFile>> Open(
      const std::string& root, const std::string& path) const;

  std::vector<Space> Spaces() const;  // By name.

 private:
  std::map<std::string, dataplane::UniqueFd> roots_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_CONTENT_ROOTS_H_
