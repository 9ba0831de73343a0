#include "dataplane/receiving/file_api.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace tcptool::dataplane {
namespace {

template <typename Call>
int Restarted(Call call) {
  int result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

}  // namespace

int FileApi::OpenAt(int directory, const std::string& name, int flags,
                    mode_t mode) {
  return Restarted(
      [&] { return openat(directory, name.c_str(), flags | O_CLOEXEC, mode); });
}

int FileApi::WriteAt(int file, uint64_t offset,
                     std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written =
        pwrite(file, data.data(), data.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -errno;
    offset += static_cast<uint64_t>(written);
    data = data.subspan(static_cast<size_t>(written));
  }
  return 0;
}

ssize_t FileApi::ReadAt(int file, uint64_t offset,
                        std::span<std::byte> buffer) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got =
        pread(file, buffer.data() + filled, buffer.size() - filled,
              static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(filled);
}

int FileApi::Allocate(int file, uint64_t size) {
  return Restarted([=] {
    return fallocate(file, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size));
  });
}

int FileApi::Truncate(int file, uint64_t size) {
  return Restarted([=] { return ftruncate(file, static_cast<off_t>(size)); });
}

int FileApi::SyncData(int file) {
  return Restarted([=] { return fdatasync(file); });
}

int FileApi::Sync(int file) {
  return Restarted([=] { return fsync(file); });
}

int FileApi::Rename(int directory, const std::string& from,
                    const std::string& to, unsigned flags) {
  return Restarted([&] {
    return renameat2(directory, from.c_str(), directory, to.c_str(), flags);
  });
}

int FileApi::Link(int directory, const std::string& from,
                  const std::string& to) {
  return Restarted([&] {
    return linkat(directory, from.c_str(), directory, to.c_str(), 0);
  });
}

int FileApi::Unlink(int directory, const std::string& name) {
  return Restarted([&] { return unlinkat(directory, name.c_str(), 0); });
}

FileApi& FileApi::Real() {
  static FileApi api;
  return api;
}

}  // namespace tcptool::dataplane
