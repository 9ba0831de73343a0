#include "server/sessions/content_root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "dataplane/base/closing_threads.h"
#include "dataplane/base/disk_of.h"
#include "server/api/errors.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

UniqueFd OpenRoot(const std::string& directory) {
  return UniqueFd(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// Files of a file system that hangs when they are closed: each keeps its
// descriptor. One does that has taken kCloseLimit for the first of them.
constexpr size_t kMaxUnclosed = 64;
constexpr std::chrono::seconds kCloseLimit{5};

// `file`: what messages call it.
absl::Status OpenError(const std::string& file, const std::string& root,
                       const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return NotFound(v1::ERROR_REASON_FILE_NOT_FOUND, kFileType,
                      absl::StrCat(root, "/", path),
                      absl::StrCat("there is no ", file));
    case EACCES:
    case EPERM:
      return WithReason(absl::PermissionDeniedError(
                            absl::StrCat("the service may not read ", file,
                                         "; give its user read permission")),
                        v1::ERROR_REASON_SYSTEM_DENIES);
    case ELOOP:
      return NotFound(v1::ERROR_REASON_FILE_NOT_FOUND, kFileType,
                      absl::StrCat(root, "/", path),
                      absl::StrCat("there is no ", file,
                                   ": its symbolic links go round in a circle, "
                                   "or are too many (ELOOP)"));
    case EXDEV:
      return WithReason(absl::PermissionDeniedError(absl::StrCat(
                            file,
                            " leads out of its root, by \"..\", a leading "
                            "\"/\" or a symbolic link")),
                        v1::ERROR_REASON_OUTSIDE_OF_ROOT);
    case ENAMETOOLONG:
      return absl::InvalidArgumentError(
          absl::StrCat("the path is too long for the file system"));
    default:
      return absl::ErrnoToStatus(error, absl::StrCat("opening ", file));
  }
}

}  // namespace

absl::Status ContentRoot::Check() const {
  if (OpenRoot(directory_).valid()) return absl::OkStatus();
  return absl::ErrnoToStatus(
      errno, absl::StrCat("root \"", name_, "\": opening ", directory_));
}

absl::StatusOr<UniqueFd> ContentRoot::Find(const std::string& path,
                                           const std::string& what) const {
  const UniqueFd directory = OpenRoot(directory_);
  if (!directory.valid()) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("entering root \"", name_, "\""));
  }
  UniqueFd found = FindBeneath(method_, directory.get(), path);
  if (!found.valid()) return OpenError(what, name_, path, errno);
  const auto unclosed = dataplane::ClosingThreads::OfProcess().BacklogOf(
      dataplane::DiskOf(found.get()));
  if (unclosed.tasks >= kMaxUnclosed && unclosed.running >= kCloseLimit) {
    return Unavailable(
        v1::ERROR_REASON_ROOT_DOES_NOT_ANSWER,
        absl::StrCat(
            "root \"", name_, "\" does not answer: ", unclosed.tasks,
            " files of its file system wait to be closed; try again when it is "
            "back"));
  }
  return found;
}

absl::StatusOr<UniqueFd> ContentRoot::Find(const std::string& path) const {
  return Find(path, absl::StrCat("\"", path, "\" in root \"", name_, "\""));
}

absl::StatusOr<UniqueFd> ContentRoot::OpenDirectory(
    const std::string& path) const {
  const std::string what =
      absl::StrCat("directory \"", path, "\" in root \"", name_, "\"");
  const auto found = Find(path, what);
  if (!found.ok()) return found.status();
  UniqueFd directory(
      openat(found->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) {
    return OpenError(what, name_, path, errno);
  }
  return directory;
}

absl::StatusOr<std::shared_ptr<dataplane::RandomAccessFile>> ContentRoot::Open(
    const std::string& path) const {
  const std::string file =
      absl::StrCat("file \"", path, "\" in root \"", name_, "\"");
  const auto found = Find(path, file);
  if (!found.ok()) return found.status();
  struct stat status;
  if (fstat(found->get(), &status) != 0) {
    return OpenError(file, name_, path, errno);
  }
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        file, " is ", S_ISDIR(status.st_mode) ? "a directory" : "special",
        "; choose a regular file or a block device"));
  }
  // Opens the file that was checked, even if the path names another one by now.
  UniqueFd fd(open(absl::StrCat("/proc/self/fd/", found->get()).c_str(),
                   O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) {
    return OpenError(file, name_, path, errno);
  }
  return dataplane::RandomAccessFile::FromDescriptor(fd.release());
}

ContentRoot::Space ContentRoot::GetSpace() const {
  const UniqueFd directory = OpenRoot(directory_);
  struct statvfs status;
  if (!directory.valid() || fstatvfs(directory.get(), &status) != 0) return {};
  return {.free_bytes = uint64_t{status.f_bavail} * status.f_frsize,
          .total_bytes = uint64_t{status.f_blocks} * status.f_frsize};
}

}  // namespace tcptool::server
