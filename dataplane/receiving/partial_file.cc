#include "dataplane/receiving/partial_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "dataplane/receiving/manifest.h"

namespace tcptool::dataplane {
namespace {

constexpr mode_t kMode = 0666;  // As far as the umask allows.
constexpr size_t kLongestId = 64;

bool IsId(const std::string& id) {
  return !id.empty() && id.size() <= kLongestId &&
         std::ranges::all_of(id, [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_';
         });
}

absl::Status CheckNames(const Destination& destination) {
  const std::string& name = destination.name;
  if (name.empty() || name == "." || name == ".." ||
      name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "' is not the name of a file"));
  }
  if (name.starts_with(kPartialPrefix)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "': names that begin with '", kPartialPrefix,
                     "' are those of contents that are being received"));
  }
  if (!IsId(destination.id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", destination.id, "' is not an id"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckDestination(const Destination& destination) {
  if (absl::Status status = CheckNames(destination); !status.ok()) {
    return status;
  }
  struct stat status;
  if (fstatat(destination.directory.get(), destination.name.c_str(), &status,
              AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::ErrnoToStatus(
        errno, absl::StrCat("looking for '", destination.name, "'"));
  }
  if (!S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", destination.name,
                     "' is there, and is not a regular file; remove it, or "
                     "choose another name"));
  }
  if (!destination.overwrite) {
    return absl::AlreadyExistsError(
        absl::StrCat("'", destination.name,
                     "' is there already; to replace it, ask for overwrite"));
  }
  return absl::OkStatus();
}

PartialFile::PartialFile(FileApi& files, Destination destination)
    : files_(files),
      destination_(std::move(destination)),
      partial_name_(absl::StrCat(kPartialPrefix, destination_.id)),
      map_name_(absl::StrCat(partial_name_, kMapSuffix)) {}

absl::StatusOr<std::unique_ptr<PartialFile>> PartialFile::Create(
    FileApi& files, Destination destination) {
  return OpenBy(&PartialFile::Begin, files, destination);
}

absl::StatusOr<std::unique_ptr<PartialFile>> PartialFile::Resume(
    FileApi& files, Destination destination) {
  return OpenBy(&PartialFile::TakeUp, files, destination);
}

absl::StatusOr<std::unique_ptr<PartialFile>> PartialFile::CreateOrResume(
    FileApi& files, Destination& destination, bool resume) {
  if (resume) {
    auto file = OpenBy(&PartialFile::TakeUp, files, destination);
    if (!absl::IsNotFound(file.status())) return file;
  }
  return OpenBy(&PartialFile::Begin, files, destination);
}

absl::StatusOr<std::unique_ptr<PartialFile>> PartialFile::OpenBy(
    absl::Status (PartialFile::*open)(), FileApi& files,
    Destination& destination) {
  absl::Status status = CheckNames(destination);
  if (!status.ok()) return status;
  std::unique_ptr<PartialFile> partial(
      new PartialFile(files, std::move(destination)));
  status = (partial.get()->*open)();
  if (status.ok()) return partial;
  destination = std::move(partial->destination_);
  return status;
}

absl::Status PartialFile::Begin() {
  if (absl::Status status = OpenAndLock(O_CREAT); !status.ok()) return status;
  // The map is emptied before the file: it must never name blocks that the file
  // does not have.
  absl::Status status =
      destination_.resumable
          ? OpenMap(O_CREAT)
          : Result(files_.Unlink(destination_.directory.get(), map_name_),
                   "removing an old range map");
  if (absl::IsNotFound(status)) status = absl::OkStatus();
  if (status.ok()) {
    status =
        Result(files_.Truncate(file_.get(), 0), "emptying the partial file");
  }
  if (!status.ok()) Abandon();
  return status;
}

absl::Status PartialFile::TakeUp() {
  absl::Status status = OpenAndLock(0);
  if (status.ok()) status = OpenMap(0);
  if (status.ok()) status = LoadMap();
  return status;
}

absl::Status PartialFile::OpenAndLock(int flags) {
  // A sweep may unlink the file between open(2) and flock(2): then it is opened
  // once more. And a sweep, or the thread that closes the file of an earlier
  // attempt, has the lock for a moment.
  constexpr int kAttempts = 10;
  constexpr auto kPause = std::chrono::milliseconds(20);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kPause);
    auto opened = Open(partial_name_, flags, "opening the partial file");
    if (!opened.ok()) return opened.status();
    file_ = *std::move(opened);
    const int file = file_.get();
    // Other errors mean that the file system has no locks: another owner could
    // not be noticed, and the file is used without a lock.
    if (flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      file_ = UniqueFd();
      continue;
    }
    struct stat status;
    if (fstat(file, &status) != 0) continue;
    if (status.st_nlink == 1) return absl::OkStatus();
    if (status.st_nlink == 0) continue;
    // It has another name too: the process of an earlier attempt has ended
    // between link(2) and unlink(2), so that it is a whole content.
    if (const int error =
            files_.Unlink(destination_.directory.get(), partial_name_)) {
      return Result(error, "removing the partial file, which is whole,");
    }
  }
  return absl::AbortedError(absl::StrCat(
      "'", partial_name_, "' is in use: another process receives into it"));
}

absl::StatusOr<UniqueFd> PartialFile::Open(const std::string& name, int flags,
                                           const std::string& doing) const {
  const int directory = destination_.directory.get();
  const absl::Status special = absl::FailedPreconditionError(absl::StrCat(
      "'", name,
      "' is there, and is not a regular file, as what is received is; remove "
      "it"));
  // Before it is opened, which may have an effect on a device.
  struct stat status;
  if (fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(status.st_mode)) {
    return special;
  }
  // The flags are for what has come there since: a FIFO, of which nobody has
  // the other end, is not waited for.
  const int file =
      files_.OpenAt(directory, name,
                    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | flags, kMode);
  if (file < 0) return Result(file, doing);
  UniqueFd opened(file);
  if (fstat(file, &status) != 0) return Result(-errno, doing);
  if (!S_ISREG(status.st_mode)) return special;
  return opened;
}

absl::Status PartialFile::OpenMap(int flags) {
  const std::string doing = "opening the range map";
  auto opened = Open(map_name_, flags, doing);
  if (!opened.ok()) return opened.status();
  struct stat status;
  if (fstat(opened->get(), &status) != 0) return Result(-errno, doing);
  if (status.st_nlink > 1) {
    // A map has one name: this is a file that somebody has linked here.
    if (const int error =
            files_.Unlink(destination_.directory.get(), map_name_)) {
      return Result(error, "removing what is in the range map's place");
    }
    opened = Open(map_name_, flags, doing);
    if (!opened.ok()) return opened.status();
  }
  map_file_ = *std::move(opened);
  if ((flags & O_CREAT) == 0) return absl::OkStatus();
  int error = files_.Truncate(map_file_.get(), 0);
  if (error == 0) {
    error = files_.WriteAt(map_file_.get(), 0, RangeMap::Header());
  }
  return Result(error, "beginning the range map");
}

absl::Status PartialFile::LoadMap() {
  struct stat map;
  struct stat file;
  if (fstat(map_file_.get(), &map) != 0 || fstat(file_.get(), &file) != 0) {
    return Result(-errno, "asking for the size of the partial file");
  }
  // No more than a map of the file's blocks has, with a record for each: its
  // size may be anything.
  constexpr uint64_t kLongestRecord = sizeof(uint64_t) + 2 * sizeof(Digest);
  const uint64_t most =
      RangeMap::Header().size() +
      static_cast<uint64_t>(file.st_size) / kManifestBlock * kLongestRecord;
  std::vector<std::byte> bytes(
      std::min(static_cast<uint64_t>(map.st_size), most));
  const ssize_t got = files_.ReadAt(map_file_.get(), 0, bytes);
  if (got < 0) return Result(static_cast<int>(got), "reading the range map");
  map_ = RangeMap::Parse(std::span(bytes).first(static_cast<size_t>(got)));
  const uint64_t length = map_.blocks().size() * kManifestBlock;
  if (length > static_cast<uint64_t>(file.st_size)) {
    // Somebody else has truncated the file: nothing of it is used.
    map_ = RangeMap();
  }
  // A map without a header, or whose last record is torn, is cut behind its
  // last valid byte, and goes on there.
  if (map_.blocks().empty()) {
    if (const int error =
            files_.WriteAt(map_file_.get(), 0, RangeMap::Header())) {
      return Result(error, "writing the range map");
    }
  }
  if (const int error = files_.Truncate(map_file_.get(), map_.size())) {
    return Result(error, "cutting the range map");
  }
  return Result(
      files_.Truncate(file_.get(), map_.blocks().size() * kManifestBlock),
      "cutting the partial file");
}

absl::Status PartialFile::Write(uint64_t offset,
                                std::span<const std::byte> data) {
  int error = 0;
  {
    const absl::MutexLock lock(&write_mutex_);
    error = files_.WriteAt(file_.get(), offset, data);
  }
  if (error == 0) return absl::OkStatus();
  return Result(
      error, absl::StrCat("writing ", data.size(), " bytes at byte ", offset));
}

absl::Status PartialFile::Read(uint64_t offset,
                               std::span<std::byte> buffer) const {
  const ssize_t got = ReadUpTo(offset, buffer);
  if (got == static_cast<ssize_t>(buffer.size())) return absl::OkStatus();
  return Result(
      got < 0 ? static_cast<int>(got) : -EIO,
      absl::StrCat("reading ", buffer.size(), " bytes at byte ", offset));
}

absl::Status PartialFile::Checkpoint(std::span<const Digest> blocks) {
  // The data before the map, which must never name a block that is not on the
  // disk.
  if (const int error = files_.SyncData(file_.get())) {
    return Result(error, "bringing content to the disk");
  }
  if (!map_file_.valid() || blocks.empty()) return absl::OkStatus();
  const size_t end = map_.size();
  if (const int error =
          files_.WriteAt(map_file_.get(), end, map_.Add(blocks))) {
    return Result(error, "writing the range map");
  }
  return Result(files_.SyncData(map_file_.get()),
                "bringing the range map to the disk");
}

}  // namespace tcptool::dataplane
