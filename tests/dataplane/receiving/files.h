// A directory to receive into, and file systems that fail on demand.
#ifndef TCPTOOL_TESTS_DATAPLANE_RECEIVING_FILES_H_
#define TCPTOOL_TESTS_DATAPLANE_RECEIVING_FILES_H_

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <span>
#include <sstream>
#include <string>

#include "dataplane/base/unique_fd.h"
#include "dataplane/receiving/file_api.h"
#include "dataplane/receiving/partial_file.h"

namespace tcptool::dataplane {

inline std::span<const std::byte> Bytes(const std::string& content) {
  return std::as_bytes(std::span(content));
}

// A new directory, which goes with the object.
class Folder {
 public:
  Folder() {
    std::string name = testing::TempDir() + "/receivingXXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }

  std::filesystem::path path(const std::string& name) const {
    return path_ / name;
  }
  UniqueFd Open() const {
    return UniqueFd(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  void Put(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
  }
  // Changes a byte, as a disk may.
  void Spoil(const std::string& name, int64_t offset) const {
    std::fstream file(path(name),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(offset);
    const int byte = file.get();
    file.seekp(offset);
    file.put(static_cast<char>(byte ^ 1));
  }
  std::string Get(const std::string& name) const {
    std::ostringstream content;
    content << std::ifstream(path(name), std::ios::binary).rdbuf();
    return content.str();
  }
  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.insert(entry.path().filename());
    }
    return names;
  }

  Destination To(const std::string& name) const {
    return {.directory = Open(), .name = name, .id = "r1"};
  }

 private:
  std::filesystem::path path_;
};

// The real system calls, each kind of which may be made to fail.
class FaultyFiles : public FileApi {
 public:
  enum class Call : uint8_t {
    kOpen,
    kWrite,
    kRead,
    kAllocate,
    kTruncate,
    kSyncData,
    kSync,
    kRename,
    kUnlink,
  };

  // Is asked before each call: what it answers, if that is not 0, is the
  // result in place of the system's.
  using Decide = std::function<int(Call)>;
  explicit FaultyFiles(Decide decide) : decide_(std::move(decide)) {}

  int OpenAt(int directory, const std::string& name, int flags,
             mode_t mode) override {
    const int error = decide_(Call::kOpen);
    return error != 0 ? error : FileApi::OpenAt(directory, name, flags, mode);
  }
  int WriteAt(int file, uint64_t offset,
              std::span<const std::byte> data) override {
    const int error = decide_(Call::kWrite);
    if (error == 0) return FileApi::WriteAt(file, offset, data);
    FileApi::WriteAt(file, offset, data.first(data.size() / 2));
    return error;
  }
  ssize_t ReadAt(int file, uint64_t offset,
                 std::span<std::byte> buffer) override {
    const int error = decide_(Call::kRead);
    return error != 0 ? error : FileApi::ReadAt(file, offset, buffer);
  }
  int Allocate(int file, uint64_t size) override {
    const int error = decide_(Call::kAllocate);
    return error != 0 ? error : FileApi::Allocate(file, size);
  }
  int Truncate(int file, uint64_t size) override {
    const int error = decide_(Call::kTruncate);
    return error != 0 ? error : FileApi::Truncate(file, size);
  }
  int SyncData(int file) override {
    const int error = decide_(Call::kSyncData);
    return error != 0 ? error : FileApi::SyncData(file);
  }
  int Sync(int file) override {
    const int error = decide_(Call::kSync);
    return error != 0 ? error : FileApi::Sync(file);
  }
  int Rename(int directory, const std::string& from, const std::string& to,
             unsigned flags) override {
    const int error = decide_(Call::kRename);
    return error != 0 ? error : FileApi::Rename(directory, from, to, flags);
  }
  int Unlink(int directory, const std::string& name) override {
    const int error = decide_(Call::kUnlink);
    return error != 0 ? error : FileApi::Unlink(directory, name);
  }

 private:
  const Decide decide_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_RECEIVING_FILES_H_
