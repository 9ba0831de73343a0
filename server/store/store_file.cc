#include "server/store/store_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/api/errors.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

absl::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::Status CannotUse(const std::string& path, int error) {
  return absl::ErrnoToStatus(
      error, absl::StrCat("--state ", path,
                          ": choose a path that the service may write to, or "
                          ":memory:"));
}

// Creates what is missing of it, with mode 0700.
absl::Status MakeDirectory(const std::filesystem::path& directory) {
  std::error_code error;
  if (directory.empty() || std::filesystem::exists(directory, error)) {
    return absl::OkStatus();
  }
  const mode_t mask = umask(0077);
  std::filesystem::create_directories(directory, error);
  umask(mask);
  return error ? CannotUse(directory, error.value()) : absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenOrMake(const std::string& path) {
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return CannotUse(path, errno);
  return file;
}

}  // namespace

absl::StatusOr<std::string> DefaultStatePath() {
  // systemd separates several directories by colons.
  absl::string_view directory = Environment("STATE_DIRECTORY");
  directory = directory.substr(0, directory.find(':'));
  if (!directory.empty()) return absl::StrCat(directory, "/tcptoold.db");
  directory = Environment("XDG_STATE_HOME");
  if (!directory.empty())
    return absl::StrCat(directory, "/tcptool/tcptoold.db");
  directory = Environment("HOME");
  if (!directory.empty()) {
    return absl::StrCat(directory, "/.local/state/tcptool/tcptoold.db");
  }
  return absl::NotFoundError(
      "there is no place for the service's state, as HOME is not set: say "
      "--state PATH, or --state :memory:");
}

absl::StatusOr<UniqueFd> LockStateFile(const std::string& path) {
  const absl::Status made =
      MakeDirectory(std::filesystem::path(path).parent_path());
  if (!made.ok()) return made;
  // A file of its own: SQLite's locks on the database are lost when a process
  // closes any of its descriptors of that (fcntl_locking(2)).
  absl::StatusOr<UniqueFd> lock = OpenOrMake(absl::StrCat(path, ".lock"));
  if (!lock.ok()) return lock.status();
  if (flock(lock->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return CannotUse(path, errno);
    return absl::FailedPreconditionError(absl::StrCat(
        "--state ", path,
        ": another tcptoold uses it; stop that, or choose another path"));
  }
  // SQLite would make it readable for others; its log takes the mode from it.
  const auto file = OpenOrMake(path);
  if (!file.ok()) return file.status();
  return lock;
}

absl::Status NamedState(const std::string& path, const absl::Status& status) {
  if (status.ok()) return status;
  const absl::string_view advice =
      absl::IsDataLoss(status)
          ? ". It is damaged and was left as it is: move it away, or put a "
            "backup in its place"
          : "";
  absl::Status named(status.code(), absl::StrCat("--state ", path, ": ",
                                                 status.message(), advice));
  if (absl::IsResourceExhausted(named)) {
    return Exhausted(v1::ERROR_REASON_STATE_STORAGE_FULL, path,
                     named.message());
  }
  if (absl::IsUnavailable(named)) {
    return Unavailable(v1::ERROR_REASON_STATE_STORAGE_UNAVAILABLE,
                       named.message());
  }
  return named;
}

}  // namespace tcptool::server
