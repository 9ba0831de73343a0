#include "dataplane/receiving/file_mark.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

std::string Text(const struct stat& status) {
  return absl::StrCat("inode ", status.st_ino, ", ", status.st_size,
                      " bytes, written to at ", status.st_mtim.tv_sec, ".",
                      absl::Dec(status.st_mtim.tv_nsec, absl::kZeroPad9));
}

FileStamp Stamp(const struct stat& status) {
  return {.inode = status.st_ino,
          .changed = absl::TimeFromTimespec(status.st_ctim)};
}

absl::StatusOr<struct stat> StateOf(int file) {
  struct stat status;
  if (fstat(file, &status) != 0) {
    return absl::ErrnoToStatus(errno, "asking for the state of the file");
  }
  return status;
}

}  // namespace

absl::StatusOr<std::string> MarkOf(int file) {
  const auto status = StateOf(file);
  if (!status.ok()) return status.status();
  return Text(*status);
}

absl::StatusOr<FileStamp> StampOf(int file) {
  const auto status = StateOf(file);
  if (!status.ok()) return status.status();
  return Stamp(*status);
}

absl::StatusOr<FileStamp> ConfirmName(FileApi& files, int directory,
                                      const std::string& name,
                                      const std::string& mark) {
  struct stat status;
  if (fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("looking for '", name, "'"));
  }
  if (!S_ISREG(status.st_mode) || Text(status) != mark) {
    return absl::NotFoundError(
        absl::StrCat("what is under the name '", name, "' is another file"));
  }
  const int error = files.Sync(directory);
  // Some file systems have nothing to sync for a directory (fsync(2)).
  if (error != 0 && error != -EINVAL) {
    return absl::ErrnoToStatus(-error, "bringing the directory to the disk");
  }
  return Stamp(status);
}

}  // namespace tcptool::dataplane
