// How a partial file gets the content's name, or is removed.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/partial_file.h"

namespace tcptool::dataplane {

absl::Status PartialFile::Commit() {
  const int directory = destination_.directory.get();
  if (absl::Status status = PutUnderName(); !status.ok()) return status;
  committed_ = true;
  const int error = files_.Sync(directory);
  // If the process is killed before this, the map stays behind, and a sweep
  // removes it.
  files_.Unlink(directory, map_name_);
  // It may have been moved or unmounted during the rename.
  if (absl::Status status = CheckPlace(); !status.ok()) return status;
  // Some file systems have nothing to sync for a directory (fsync(2)).
  if (error == -EINVAL) return absl::OkStatus();
  return Result(error,
                "bringing the directory to the disk, in which the whole "
                "content has its name already,");
}

absl::Status PartialFile::PutUnderName() {
  const int directory = destination_.directory.get();
  if (const int error = files_.Sync(file_.get())) {
    return Result(error, "bringing the content to the disk");
  }
  if (absl::Status status = CheckName(partial_name_, file_); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckPlace(); !status.ok()) return status;
  if (destination_.overwrite) {
    // What has come there since is replaced only if it is a regular file, too.
    if (absl::Status status = CheckDestination(destination_); !status.ok()) {
      return status;
    }
    if (const int error =
            files_.Rename(directory, partial_name_, destination_.name, 0)) {
      return Result(error, "giving the content its name");
    }
    return absl::OkStatus();
  }
  return RenameWithoutReplacing();
}

// A rename goes by the name: what another process has put there meanwhile
// (where a file system has no locks, or against them) is not what was verified.
absl::Status PartialFile::CheckName(const std::string& name,
                                    const UniqueFd& file) const {
  struct stat ours;
  struct stat named;
  if (fstat(file.get(), &ours) != 0 ||
      fstatat(destination_.directory.get(), name.c_str(), &named,
              AT_SYMLINK_NOFOLLOW) != 0) {
    return Result(-errno, absl::StrCat("looking for '", name, "'"));
  }
  if (ours.st_dev == named.st_dev && ours.st_ino == named.st_ino) {
    return absl::OkStatus();
  }
  return absl::AbortedError(absl::StrCat(
      "'", name, "' is not the file any more that the content of '",
      destination_.name, "' was written to: another process has replaced it"));
}

// A descriptor leads to the directory also when it was moved, unmounted or
// covered by a mount: then nobody finds the content under its path.
absl::Status PartialFile::CheckPlace() const {
  if (destination_.find == nullptr) return absl::OkStatus();
  const absl::StatusOr<UniqueFd> found = destination_.find();
  // Of descriptors: no room is needed.
  if (absl::IsResourceExhausted(found.status())) {
    return absl::UnavailableError(found.status().message());
  }
  if (!found.ok()) return found.status();
  struct stat ours;
  struct stat theirs;
  if (fstat(destination_.directory.get(), &ours) != 0 ||
      fstat(found->get(), &theirs) != 0) {
    return Result(-errno, "looking for the directory");
  }
  if (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino) {
    return absl::OkStatus();
  }
  return absl::AbortedError(absl::StrCat(
      "the directory of '", destination_.name,
      "' is not the one any more that the content was written to: it was "
      "moved, replaced, or something was mounted or unmounted there"));
}

absl::Status PartialFile::RenameWithoutReplacing() {
  const int directory = destination_.directory.get();
  int error = files_.Rename(directory, partial_name_, destination_.name,
                            RENAME_NOREPLACE);
  if (error == -EINVAL || error == -ENOSYS) {
    // The file system cannot do it (renameat2(2)); link(2) never replaces.
    error = files_.Link(directory, partial_name_, destination_.name);
    if (error == 0) files_.Unlink(directory, partial_name_);
  }
  if (error == -EEXIST) {
    return absl::AlreadyExistsError(absl::StrCat(
        "'", destination_.name,
        "' has come to be there meanwhile; to replace it, ask for overwrite"));
  }
  return Result(error, "giving the content its name");
}

void PartialFile::Abandon() {
  if (committed_) return;
  const int directory = destination_.directory.get();
  const bool is_ours = CheckName(partial_name_, file_).ok();
  if (is_ours) files_.Unlink(directory, partial_name_);
  // Whoever has replaced the one may have left the other.
  if (is_ours || CheckName(map_name_, map_file_).ok()) {
    files_.Unlink(directory, map_name_);
  }
}

}  // namespace tcptool::dataplane
