// Bearer tokens and their owners.
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
  // INVALID_ARGUMENT: the file cannot be read, has no token, has a malformed
  // line, or has a mode by which others than its owner (or, to read it, its
  // group) may read or write it.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Open(std::string path);

  // The owner of a token, with its hash; takes the same time for every wrong
  // token. Never blocks on a disk.
  std::optional<Caller> Find(absl::string_view token) const;
  // The same by the hash, as in Caller::token_hash.
  std::optional<Caller> FindHash(absl::string_view hash) const;

  // Checks the file, and so may block on a disk; one thread at a time. True:
  // the tokens have changed. If the file has no token any more, or is gone, all
  // are revoked. A file with an error is logged, and the old tokens stay valid.
  bool ReloadIfChanged();

 private:
  using Callers = std::vector<Caller>;
  // Tells versions of the file apart.
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
  // Only the reloading thread uses these. No version: there was no file.
  Version version_;
  absl::Status failure_;  // Of the last reload; logged once.
  mutable absl::Mutex mutex_;
  Callers callers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_TOKEN_FILE_H_
