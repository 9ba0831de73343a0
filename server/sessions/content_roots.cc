#include "server/sessions/content_roots.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

// One named root is known by letters, digits and a few marks: it is one part of
// ROOT/PATH on a command line.
bool IsName(absl::string_view name) {
  return !name.empty() &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
             "._-") == absl::string_view::npos;
}

absl::Status OpenError(const std::string& file, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(absl::StrCat("there is no ", file));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat("the service may not read ", file,
                       "; give its user read permission"));
    case EXDEV:
    case ELOOP:
      return absl::PermissionDeniedError(
          absl::StrCat(file,
                       " leads out of its root, by \"..\", a leading "
                       "\"/\" or a symbolic link"));
    case ENAMETOOLONG:
      return absl::InvalidArgumentError(
          absl::StrCat("the path is too long for the file system"));
    default:
      return absl::ErrnoToStatus(error, absl::StrCat("opening ", file));
  }
}

}  // namespace

absl::Status ContentRoots::Add(absl::string_view name_and_directory) {
  const size_t equals = name_and_directory.find('=');
  const absl::string_view name = name_and_directory.substr(0, equals);
  if (equals == absl::string_view::npos || !IsName(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "root \"", name_and_directory,
        "\": write it as NAME=DIR; a name has letters, digits, '.', '_', '-'"));
  }
  const std::string directory(name_and_directory.substr(equals + 1));
  const int fd = open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("root \"", name, "\": opening ", directory));
  }
  if (!roots_.emplace(name, UniqueFd(fd)).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("root \"", name, "\" is given twice"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<dataplane::RandomAccessFile>> ContentRoots::Open(
    const std::string& root, const std::string& path) const {
  const auto found = roots_.find(root);
  if (found == roots_.end()) {
    const std::string known =
        absl::StrJoin(roots_, ", ", [](std::string* out, const auto& entry) {
          absl::StrAppend(out, entry.first);
        });
    return absl::NotFoundError(absl::StrCat(
        "the service has no root \"", root, "\"; ",
        known.empty() ? "it has none: start it with --root NAME=DIR"
                      : absl::StrCat("it has: ", known)));
  }
  const std::string file =
      absl::StrCat("file \"", path, "\" in root \"", root, "\"");
  // Not to wait for a FIFO's writer.
  const open_how how = {
      .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
  };
  UniqueFd fd(static_cast<int>(syscall(SYS_openat2, found->second.get(),
                                       path.c_str(), &how, sizeof how)));
  if (!fd.valid()) return OpenError(file, errno);
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return OpenError(file, errno);
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        file, " is ", S_ISDIR(status.st_mode) ? "a directory" : "special",
        "; choose a regular file or a block device"));
  }
  return dataplane::RandomAccessFile::FromDescriptor(fd.release());
}

std::vector<ContentRoots::Space> ContentRoots::Spaces() const {
  std::vector<Space> spaces;
  for (const auto& [name, fd] : roots_) {
    Space space{.name = name};
    struct statvfs status;
    if (fstatvfs(fd.get(), &status) == 0) {
      space.free_bytes = uint64_t{status.f_bavail} * status.f_frsize;
      space.total_bytes = uint64_t{status.f_blocks} * status.f_frsize;
    }
    spaces.push_back(std::move(space));
  }
  return spaces;
}

}  // namespace tcptool::server
