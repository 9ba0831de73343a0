#include "server/receptions/destination.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "dataplane/receiving/partial_sweep.h"
#include "server/api/errors.h"

namespace tcptool::server {
namespace {

absl::Status CheckWritable(int directory, const std::string& where) {
  if (faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) == 0) {
    return absl::OkStatus();
  }
  if (errno == EROFS) {
    return FailedPrecondition(
        v1::ERROR_REASON_READ_ONLY_FILE_SYSTEM, where,
        absl::StrCat("the file system of ", where, " is read-only"));
  }
  if (errno == EACCES || errno == EPERM) {
    return WithReason(absl::PermissionDeniedError(
                          absl::StrCat("the service may not write to ", where,
                                       "; give its user write permission")),
                      v1::ERROR_REASON_SYSTEM_DENIES);
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("looking at ", where));
}

absl::Status CheckSpace(int directory, uint64_t length,
                        const std::string& where) {
  struct statvfs status;
  if (fstatvfs(directory, &status) != 0) return absl::OkStatus();
  const uint64_t free = uint64_t{status.f_bavail} * status.f_frsize;
  // Some file systems do not say what they have.
  if (status.f_blocks == 0 || free >= length) return absl::OkStatus();
  return Exhausted(v1::ERROR_REASON_NO_SPACE, where,
                   absl::StrCat("the file system of ", where, " has ", free,
                                " bytes free, and the content has ", length,
                                ", so that ", length - free, " are missing"));
}

}  // namespace

absl::Status OpenDestination(const ContentRoot& root, const std::string& path,
                             uint64_t length,
                             dataplane::Destination& destination) {
  auto directory = root.OpenDirectory(path);
  if (!directory.ok()) return directory.status();
  destination.directory = *std::move(directory);
  destination.find = [root, path] { return root.OpenDirectory(path); };
  const int fd = destination.directory.get();
  absl::Status status = dataplane::CheckDestination(destination);
  // The path is one of something that is there, and cannot be received into.
  if (absl::IsFailedPrecondition(status)) {
    return absl::InvalidArgumentError(status.message());
  }
  if (absl::IsAlreadyExists(status)) {
    return AlreadyExists(
        v1::ERROR_REASON_DESTINATION_EXISTS, kFileType,
        absl::StrCat(root.name(), "/", path == "." ? "" : path + "/",
                     destination.name),
        status.message());
  }
  const std::string where =
      absl::StrCat("directory \"", path, "\" in root \"", root.name(), "\"");
  if (status.ok()) status = CheckWritable(fd, where);
  if (status.ok()) status = CheckSpace(fd, length, where);
  return status;
}

absl::StatusOr<size_t> RemovePartialFiles(const ContentRoot& root,
                                          const std::string& path,
                                          const PartialIds& ids) {
  const auto directory = root.OpenDirectory(path);
  if (!directory.ok()) return directory.status();
  dataplane::FileApi& files = dataplane::FileApi::Real();
  absl::StatusOr<size_t> removed = dataplane::SweepPartialFiles(
      files, directory->get(),
      [&ids](const std::string& id) { return !ids.gone.contains(id); },
      {.max_age = absl::ZeroDuration(), .max_count = 0});
  if (!removed.ok() || !ids.going_on) return removed;
  const absl::StatusOr<size_t> others = dataplane::SweepPartialFiles(
      files, directory->get(),
      [&ids](const std::string& id) { return ids.going_on->contains(id); }, {});
  if (!others.ok()) return others;
  return *removed + *others;
}

}  // namespace tcptool::server
