#include "client/tcptool/output_path.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace tcptool::client {
namespace {

using dataplane::UniqueFd;

constexpr int kFlags = O_WRONLY | O_CLOEXEC | O_NOCTTY;

absl::Status Error(int error, absl::string_view advice = "") {
  return absl::FailedPreconditionError(
      absl::StrCat(std::generic_category().message(error), advice));
}

// Whether the directory is one of devices. devtmpfs is one file system; of what
// is mounted below it, and of /dev/shm where it is not mounted, nothing is
// said.
bool HasDevices(const std::string& directory) {
  struct stat status;
  struct stat dev;
  const std::unique_ptr<char, decltype(&std::free)> canonical(
      realpath(directory.c_str(), nullptr), &std::free);
  if (canonical == nullptr || stat(canonical.get(), &status) != 0 ||
      stat("/dev", &dev) != 0 || status.st_dev != dev.st_dev) {
    return false;
  }
  const std::string path = absl::StrCat(canonical.get(), "/");
  return path.starts_with("/dev/") && !path.starts_with("/dev/shm/");
}

absl::Status CheckCanCreate(const std::string& path) {
  const std::string directory = DirectoryOf(path);
  struct stat status;
  if (stat(directory.c_str(), &status) != 0) {
    return Error(errno, "; the directory has to exist.");
  }
  if (HasDevices(directory)) {
    return Error(ENOENT,
                 "; nothing is created among devices. Is the name right?");
  }
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return Error(errno, "; no file can be created in its directory.");
  }
  return absl::OkStatus();
}

}  // namespace

std::string DirectoryOf(const std::string& path) {
  constexpr int kMostLinks = 40;  // As the kernel has it (path_resolution(7)).
  std::filesystem::path name = path;
  for (int i = 0; i < kMostLinks; ++i) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(name, error);
    if (error) break;
    name = name.parent_path() / target;
  }
  return name.has_parent_path() ? name.parent_path().string() : ".";
}

absl::StatusOr<UniqueFd> OpenExisting(const std::string& path, bool force) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return Error(errno, ".");
    if (const absl::Status can = CheckCanCreate(path); !can.ok()) return can;
    return UniqueFd();
  }
  // For block devices alone O_EXCL stands without O_CREAT (open(2)).
  const bool exclusive = S_ISBLK(status.st_mode) && !force;
  UniqueFd file(open(path.c_str(), kFlags | (exclusive ? O_EXCL : 0)));
  if (file.valid()) return file;
  if (exclusive && errno == EBUSY) {
    return Error(errno,
                 "; it is mounted, or in use otherwise. --force writes it all "
                 "the same.");
  }
  return Error(errno, ".");
}

}  // namespace tcptool::client
