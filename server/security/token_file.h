// Bearer tokens, and whose they are.
#ifndef TCPTOOL_SERVER_SECURITY_TOKEN_FILE_H_
#define TCPTOOL_SERVER_SECURITY_TOKEN_FILE_H_

#include <sys/stat.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/security/role.h"

namespace tcptool::server {

// A file with one line for each token: NAME ROLE SHA256, where SHA256 is the
// token's hash in 64 hexadecimal digits. Empty lines and those that begin with
// # say nothing. The tokens themselves are nowhere.
//
// Any thread may call any method.
class TokenFile {
 public:
  // INVALID_ARGUMENT: the file cannot be read, has a line that is none, or may
  // be read or written by others than its owner and (read) its group.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Open(std::string path);

  // Whose token it is; takes the same time whatever is wrong with it. Looks
  // whether the file has changed, once a second at most, and so may wait for a
  // disk. A change that cannot be used is logged, and the old tokens stay.
  std::optional<Caller> Find(absl::string_view token);

 private:
  struct Entry {
    Caller caller;
    std::array<uint8_t, 32> hash;
  };
  // What tells one state of the file from another.
  struct Version {
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    uint64_t inode = 0;
    int64_t bytes = 0;
    bool operator==(const Version&) const = default;
  };
  using Clock = std::chrono::steady_clock;

  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  static Version VersionOf(const struct stat& status);
  absl::Status Wrong(absl::string_view what) const;
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Entry> ParseLine(absl::string_view line, int number) const;
  void ReloadIfChanged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  absl::Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  Version version_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point checked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_TOKEN_FILE_H_
