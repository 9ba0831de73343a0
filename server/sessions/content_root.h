// A directory that files are served from, or received into; the only way to
// open them.
#ifndef TCPTOOL_SERVER_SESSIONS_CONTENT_ROOT_H_
#define TCPTOOL_SERVER_SESSIONS_CONTENT_ROOT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/lanes/random_access_file.h"
#include "server/sessions/beneath.h"

namespace tcptool::server {

// Each call resolves the directory's path again, so that a new mount or a
// changed link takes effect. Any thread may call any method; all may block on a
// disk.
class ContentRoot {
 public:
  struct Space {
    std::optional<uint64_t> free_bytes;  // To an unprivileged user.
    std::optional<uint64_t> total_bytes;
  };

  ContentRoot(std::string name, std::string directory, BeneathMethod method)
      : name_(std::move(name)),
        directory_(std::move(directory)),
        method_(method) {}

  const std::string& name() const { return name_; }

  // Whether it can be entered. The error names the directory.
  absl::Status Check() const;

  // Opens a regular file or block device below it for reading. Neither ".." nor
  // a symbolic link leads out of it, see FindBeneath(). Errors as the API's
  // FileSource says; they never show where the root is. UNAVAILABLE: the file
  // system does not answer when files are closed, and many wait for it.
  absl::StatusOr<std::shared_ptr<dataplane::RandomAccessFile>> Open(
      const std::string& path) const;

  // Finds what is at a path below it, "." for itself, and opens nothing: a
  // descriptor by O_PATH. Errors as Open().
  absl::StatusOr<dataplane::UniqueFd> Find(const std::string& path) const;

  // Opens a directory below it, "." for itself, in the same way: for reading.
  // NOT_FOUND: there is none.
  absl::StatusOr<dataplane::UniqueFd> OpenDirectory(
      const std::string& path) const;

  // Not set where it is unknown.
  Space GetSpace() const;

 private:
  // As FindBeneath(). `what`: of the path, for the error.
  absl::StatusOr<dataplane::UniqueFd> Find(const std::string& path,
                                           const std::string& what) const;

  const std::string name_;
  const std::string directory_;
  const BeneathMethod method_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_CONTENT_ROOT_H_
