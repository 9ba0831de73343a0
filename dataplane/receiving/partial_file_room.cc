// What a partial file takes of its file system.
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/partial_file.h"

namespace tcptool::dataplane {
namespace {

// What whoever is not root may have; none where the file system does not say.
std::optional<uint64_t> BytesLeft(int directory) {
  struct statvfs system;
  if (fstatvfs(directory, &system) != 0 || system.f_blocks == 0) {
    return std::nullopt;
  }
  return uint64_t{system.f_bavail} * system.f_frsize;
}

// Those of a content of this length that the file has no room for yet.
std::optional<uint64_t> BytesNeeded(int file, uint64_t length) {
  constexpr uint64_t kUnit = 512;  // stat(2).
  struct stat status;
  if (fstat(file, &status) != 0) return std::nullopt;
  const uint64_t taken = static_cast<uint64_t>(status.st_blocks) * kUnit;
  return length - std::min(length, taken);
}

}  // namespace

absl::Status PartialFile::Allocate(uint64_t length) {
  const absl::MutexLock lock(&room_mutex_);
  length_ = length;
  // Behind the end it would be a change of a file that is whole.
  if (length == 0 || has_end_) return absl::OkStatus();
  allocated_ = std::max(allocated_, length);
  const auto needed = BytesNeeded(file_.get(), length);
  const auto left = BytesLeft(destination_.directory.get());
  // Some file systems (ext4) would fill themselves up before they say so.
  const int error = needed && left && *needed > *left
                        ? -ENOSPC
                        : files_.Allocate(file_.get(), length);
  if (error == -EOPNOTSUPP || error == -ENOSYS || error == -EINVAL) {
    return absl::OkStatus();
  }
  return Result(error,
                absl::StrCat("setting aside the content's ", length, " bytes"));
}

absl::Status PartialFile::EndAt(uint64_t length) {
  const absl::MutexLock lock(&room_mutex_);
  has_end_ = true;
  struct stat file;
  if (fstat(file_.get(), &file) != 0) {
    return Result(-errno, "asking for the size of the partial file");
  }
  const auto size = static_cast<uint64_t>(file.st_size);
  if (size < length) {
    return absl::DataLossError(absl::StrCat(
        "the partial file has ", size, " bytes of the ", length,
        " that were written: somebody has cut it off, or its disk has lost "
        "them; see to that, and receive it again"));
  }
  if (size == length && allocated_ <= length) return absl::OkStatus();
  allocated_ = std::min(allocated_, length);
  return Result(files_.Truncate(file_.get(), length),
                "cutting off what is behind the end of the content");
}

std::string PartialFile::Room(bool is_quota) const {
  uint64_t needed = 0;
  if (const uint64_t length = length_; length > 0) {
    needed = BytesNeeded(file_.get(), length).value_or(0);
  }
  std::string room;
  if (needed > 0) {
    absl::StrAppend(&room, "; the content needs ", needed, " bytes more");
  }
  // What a quota leaves is not known.
  if (is_quota) return room;
  const auto left = BytesLeft(destination_.directory.get());
  if (!left) return room;
  absl::StrAppend(&room, "; the file system has ", *left, " bytes left");
  if (needed > *left) {
    absl::StrAppend(&room, ", so that ", needed - *left, " are missing");
  }
  return room;
}

absl::Status PartialFile::Restart() {
  map_ = RangeMap();
  if (map_file_.valid()) {
    if (const int error = files_.Truncate(map_file_.get(), map_.size())) {
      return Result(error, "emptying the range map");
    }
  }
  if (const int error = files_.Truncate(file_.get(), 0)) {
    return Result(error, "emptying the partial file");
  }
  {
    const absl::MutexLock lock(&room_mutex_);
    allocated_ = 0;
    has_end_ = false;
  }
  // The length may be a lie, which is dropped with the rest. Where what really
  // comes has no room, a write says so.
  Allocate(length_).IgnoreError();
  return absl::OkStatus();
}

absl::Status PartialFile::Result(int error, const std::string& doing) const {
  if (error == 0) return absl::OkStatus();
  const absl::Status status = absl::ErrnoToStatus(
      -error, absl::StrCat(doing, " for '", destination_.name, "'"));
  if (error == -ENOSPC || error == -EDQUOT) {
    return {status.code(),
            absl::StrCat(status.message(), Room(error == -EDQUOT))};
  }
  // Of descriptors or memory, which others may give back soon.
  if (absl::IsResourceExhausted(status)) {
    return absl::UnavailableError(status.message());
  }
  return status;
}

}  // namespace tcptool::dataplane
