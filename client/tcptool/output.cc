#include "client/tcptool/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/tcptool/output_path.h"
#include "client/tcptool/zero_units.h"
#include "process/standard_descriptors.h"

namespace tcptool::client {
namespace {

using dataplane::UniqueFd;

// Files have holes of whole blocks of the file system. Devices discard larger
// units, and are slow where there are many small ones.
constexpr size_t kFileHoleUnit = size_t{4} << 10;
constexpr size_t kDeviceHoleUnit = size_t{64} << 10;

absl::Status Errno() {
  return absl::UnknownError(std::generic_category().message(errno));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Output>> Output::Open(OutputOptions options) {
  UniqueFd file;
  if (options.path.empty()) {
    file = UniqueFd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!file.valid() || !StandardOutputIsOpen()) {
      if (file.valid()) errno = EBADF;
      return absl::UnknownError(
          absl::StrCat("Standard output: ", Errno().message(), "."));
    }
  } else {
    absl::StatusOr<UniqueFd> opened = OpenExisting(options.path, options.force);
    if (!opened.ok()) return opened.status();
    file = *std::move(opened);
  }
  std::unique_ptr<Output> output(
      new Output(std::move(options), std::move(file)));
  if (!output->file_.valid()) return output;
  if (const absl::Status status = output->Inspect(); !status.ok()) {
    return status;
  }
  return output;
}

absl::Status Output::Begin() {
  if (!file_.valid()) {
    file_ = UniqueFd(open(options_.path.c_str(),
                          O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666));
    if (!file_.valid()) return Errno();
    is_new_ = true;
    if (const absl::Status status = Inspect(); !status.ok()) return status;
  }
  struct stat status;
  if (fstat(file_.get(), &status) != 0) return Errno();
  if (!options_.path.empty() && S_ISREG(status.st_mode)) {
    if (ftruncate(file_.get(), 0) != 0) return Errno();
    replaced_bytes_ = static_cast<uint64_t>(status.st_size);
  }
  return absl::OkStatus();
}

absl::Status Output::Inspect() {
  struct stat status;
  if (fstat(file_.get(), &status) != 0) return Errno();
  // Standard output may have any position, which the shell or earlier writers
  // have set.
  const off_t position = lseek(file_.get(), 0, SEEK_CUR);
  if (position >= 0) {
    const off_t end = lseek(file_.get(), 0, SEEK_END);
    lseek(file_.get(), position, SEEK_SET);
    const bool appends = (fcntl(file_.get(), F_GETFL) & O_APPEND) != 0;
    begin_ = static_cast<uint64_t>(appends ? end : position);
    if (S_ISBLK(status.st_mode)) {
      device_size_ = static_cast<uint64_t>(end);
      if (options_.discard) hole_ = Hole::kPunch;
    } else if (S_ISREG(status.st_mode) && options_.sparse && !appends &&
               (!options_.path.empty() || position >= end)) {
      // Nothing old is there that could be read in place of a hole's zeros.
      hole_ = Hole::kSeek;
    }
  }
  if (options_.sync) write_back_.emplace(file_.get(), begin_);
  return absl::OkStatus();
}

absl::Status Output::Append(std::span<const std::byte> data) {
  if (const absl::Status status = CheckDeviceHasRoom(data.size());
      !status.ok()) {
    return status;
  }
  if (hole_ == Hole::kNone && unit_.empty()) return Write(data);
  // Data comes in pieces of any size; holes are of whole units.
  if (!unit_.empty()) {
    const size_t more = std::min(data.size(), hole_unit() - unit_.size());
    unit_.insert(unit_.end(), data.begin(), data.begin() + more);
    data = data.subspan(more);
    if (unit_.size() < hole_unit()) return absl::OkStatus();
    if (const absl::Status status = AppendUnits(unit_); !status.ok()) {
      return status;
    }
    unit_.clear();
  }
  const size_t whole = data.size() / hole_unit() * hole_unit();
  if (const absl::Status status = AppendUnits(data.first(whole));
      !status.ok()) {
    return status;
  }
  unit_.assign(data.begin() + whole, data.end());
  return absl::OkStatus();
}

absl::Status Output::AppendUnits(std::span<const std::byte> data) {
  while (!data.empty()) {
    if (const size_t zeros = ZeroPrefix(data, hole_unit()); zeros > 0) {
      const absl::Status status = AppendZeros(data.first(zeros));
      if (!status.ok()) return status;
      data = data.subspan(zeros);
    }
    if (const size_t size = DataPrefix(data, hole_unit()); size > 0) {
      const absl::Status status = Write(data.first(size));
      if (!status.ok()) return status;
      data = data.subspan(size);
    }
  }
  return absl::OkStatus();
}

absl::Status Output::AppendZeros(std::span<const std::byte> zeros) {
  const auto size = static_cast<off_t>(zeros.size());
  // FALLOC_FL_PUNCH_HOLE fails on a device that cannot promise that what was
  // discarded reads as zeros: then zeros are written, from here on.
  if (hole_ == Hole::kPunch &&
      fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(begin_ + size_), size) != 0) {
    hole_ = Hole::kNone;
  }
  if (hole_ == Hole::kNone) return Write(zeros);
  if (lseek(file_.get(), size, SEEK_CUR) < 0) return Errno();
  size_ += zeros.size();
  ends_in_hole_ = true;
  return absl::OkStatus();
}

absl::Status Output::Write(std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = write(file_.get(), data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      // Standard output may be a pipe that other users have set to O_NONBLOCK.
      pollfd polled = {file_.get(), POLLOUT, 0};
      poll(&polled, 1, -1);
      continue;
    }
    if (written < 0) return Errno();
    size_ += static_cast<uint64_t>(written);
    data = data.subspan(static_cast<size_t>(written));
  }
  ends_in_hole_ = false;
  return write_back_ ? write_back_->WrittenTo(begin_ + size_)
                     : absl::OkStatus();
}

absl::Status Output::CheckDeviceHasRoom(size_t more) const {
  if (!device_size_ || begin_ + size_ + unit_.size() + more <= *device_size_) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(std::generic_category().message(ENOSPC),
                   ", as the content is larger than the device, which has ",
                   *device_size_, " bytes,"));
}

absl::Status Output::Finish() {
  if (const absl::Status status = Write(unit_); !status.ok()) return status;
  unit_.clear();
  if (hole_ == Hole::kSeek && ends_in_hole_ &&
      ftruncate(file_.get(), static_cast<off_t>(begin_ + size_)) != 0) {
    return Errno();
  }
  if (options_.sync) {
    // A pipe has no disk: EINVAL (fsync(2)).
    if (fsync(file_.get()) != 0 && errno != EINVAL) return Errno();
    if (is_new_) {
      if (const absl::Status status = SyncDirectory(); !status.ok()) {
        return status;
      }
    }
  }
  // Network file systems report a full disk when they close (close(2)).
  if (close(file_.release()) != 0) return Errno();
  return absl::OkStatus();
}

// A new file's name is not on the disk with its content (fsync(2)).
absl::Status Output::SyncDirectory() {
  const UniqueFd directory(open(DirectoryOf(options_.path).c_str(),
                                O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // One that cannot be read, or has no disk, cannot be synced.
  if (!directory.valid() || fsync(directory.get()) == 0 || errno == EINVAL) {
    return absl::OkStatus();
  }
  return Errno();
}

size_t Output::hole_unit() const {
  return device_size_ ? kDeviceHoleUnit : kFileHoleUnit;
}

}  // namespace tcptool::client
