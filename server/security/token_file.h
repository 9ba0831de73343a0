// Bearer tokens, and whose they are.
#ifndef TCPTOOL_SERVER_SECURITY_TOKEN_FILE_H_
#define TCPTOOL_SERVER_SECURITY_TOKEN_FILE_H_

#include <sys/stat.h>

#include <cstdint>
#include <memory>
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
  // INVALID_ARGUMENT: the file cannot be read, has no token, has a line that is
  // none, or may be read or written by others than its owner and (read) its
  // group.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Open(std::string path);

  // Whose token it is, with its hash; takes the same time whatever is wrong
  // with it. Never waits for a disk.
  std::optional<Caller> Find(absl::string_view token) const;
  // The same, by the hash: Caller::token_hash.
  std::optional<Caller> FindHash(absl::string_view hash) const;

  // Looks at the file, and so may wait for a disk; for one thread at a time.
  // True: the tokens are others now. A file that has no token any more, or is
  // gone, takes them all away. A change that cannot be used, such as a line
  // that is wrong, is logged, and the old tokens stay.
  bool ReloadIfChanged();

 private:
  using Callers = std::vector<Caller>;
  // What tells one state of the file from another.
  struct Version {
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    uint64_t inode = 0;
    int64_t bytes = 0;
    bool operator==(const Version&) const = default;
  };

  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  static Version VersionOf(const struct stat& status);
  absl::Status Wrong(absl::string_view what) const;
  // NOT_FOUND: there is no file. Sets version_ where there is one.
  absl::StatusOr<Callers> Load();
  absl::StatusOr<Caller> ParseLine(absl::string_view line, int number) const;
  void Replace(Callers callers);

  const std::string path_;
  // Whoever reloads has these. No version: there was no file.
  Version version_;
  absl::Status failure_;  // Of the last reload; told once.
  mutable absl::Mutex mutex_;
  Callers callers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_TOKEN_FILE_H_
