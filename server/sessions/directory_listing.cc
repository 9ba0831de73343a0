#include "server/sessions/directory_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "dataplane/base/unique_fd.h"
#include "messages/time.h"
#include "server/api/errors.h"
#include "text/characters.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

// How many entries are read between two looks at the time.
constexpr size_t kEntriesOfLook = 1024;

absl::Status TooLate(absl::string_view place) {
  return Unavailable(
      v1::ERROR_REASON_ROOT_DOES_NOT_ANSWER,
      absl::StrCat(place,
                   ": the directory was not read in time; try again "
                   "later, or name the file that you want"));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

v1::FileType TypeOf(mode_t mode) {
  if (S_ISREG(mode)) return v1::FILE_TYPE_REGULAR;
  if (S_ISDIR(mode)) return v1::FILE_TYPE_DIRECTORY;
  if (S_ISBLK(mode)) return v1::FILE_TYPE_BLOCK_DEVICE;
  return v1::FILE_TYPE_OTHER;
}

void Describe(const struct stat& status, v1::File& file) {
  file.set_type(TypeOf(status.st_mode));
  if (S_ISREG(status.st_mode)) file.set_size_bytes(status.st_size);
  *file.mutable_modify_time() =
      ToNearestTimestamp(absl::TimeFromTimespec(status.st_mtim));
}

// False: it is gone.
bool DescribeEntry(const ContentRoot& root, const std::string& path,
                   int directory, v1::File& file) {
  struct stat status;
  if (fstatat(directory, file.name().c_str(), &status,
              AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
    file.set_type(v1::FILE_TYPE_OTHER);
    return errno != ENOENT;
  }
  if (!S_ISLNK(status.st_mode)) {
    Describe(status, file);
    return true;
  }
  const auto found = root.Find(absl::StrCat(path, "/", file.name()));
  if (found.ok() && fstat(found->get(), &status) == 0) {
    Describe(status, file);
  } else {
    file.set_type(v1::FILE_TYPE_SYMBOLIC_LINK);
  }
  return true;
}

// What a path that may be empty is to the root.
std::string PathOf(const std::string& path) {
  return path.empty() ? "." : path;
}

// The last part of a path: of "a/" and "a/." as of "a"; empty for the root's
// own.
absl::string_view NameOf(absl::string_view path) {
  for (;;) {
    const size_t slash = path.rfind('/');
    const absl::string_view last =
        slash == absl::string_view::npos ? path : path.substr(slash + 1);
    if (!last.empty() && last != ".") return last;
    if (slash == absl::string_view::npos) return "";
    path = path.substr(0, slash);
  }
}

bool IsListed(absl::string_view name) {
  return name != "." && name != ".." && ToUtf8(name) == name;
}

// The first `most` names from `begin` on, in their order. `place`: what errors
// call the directory.
absl::StatusOr<std::vector<std::string>> ReadNames(
    DIR& directory, const std::string& place, const std::string& begin,
    size_t most, const ListingLimits& limits) {
  std::priority_queue<std::string> first;  // The last of them on top.
  for (size_t read = 0;; ++read) {
    if (read % kEntriesOfLook == 0 && limits.is_late()) return TooLate(place);
    errno = 0;
    const dirent* const entry = readdir(&directory);
    if (entry == nullptr && errno != 0) {
      return absl::ErrnoToStatus(errno, "reading the directory");
    }
    if (entry == nullptr) break;
    const absl::string_view name = entry->d_name;
    // "." and ".." are there as well.
    if (read >= limits.max_entries + 2) {
      return FailedPrecondition(
          v1::ERROR_REASON_DIRECTORY_TOO_LARGE, place,
          absl::StrCat("the directory has more than ", limits.max_entries,
                       " entries, and is not listed; name the file that you "
                       "want, or have it in a smaller directory"));
    }
    if (name < begin || (first.size() == most && name >= first.top()) ||
        !IsListed(name)) {
      continue;
    }
    if (first.size() == most) first.pop();
    first.emplace(name);
  }
  std::vector<std::string> names(first.size());
  for (size_t i = names.size(); i > 0; --i) {
    names[i - 1] = first.top();
    first.pop();
  }
  return names;
}

}  // namespace

absl::StatusOr<v1::File> StatFile(const ContentRoot& root,
                                  const std::string& path) {
  const auto found = root.Find(PathOf(path));
  if (!found.ok()) return found.status();
  struct stat status;
  if (fstat(found->get(), &status) != 0) {
    return absl::ErrnoToStatus(errno, "asking for the state of the file");
  }
  const absl::string_view name = NameOf(path);
  if (name == "..") {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", path,
                     "\" ends with \"..\", which is nothing's name; write the "
                     "path of what it leads to"));
  }
  v1::File file;
  file.set_name(std::string(name));
  Describe(status, file);
  return file;
}

absl::StatusOr<v1::ListFilesResponse> ListDirectory(
    const ContentRoot& root, const std::string& path, const NamePage& page,
    const ListingLimits& limits) {
  auto opened = root.OpenDirectory(PathOf(path));
  if (!opened.ok()) return opened.status();
  const int descriptor = opened->get();
  const Directory directory(fdopendir(descriptor));
  if (directory == nullptr) {
    return absl::ErrnoToStatus(errno, "reading the directory");
  }
  opened->release();
  // One more, which the next page begins with.
  const auto most = static_cast<size_t>(page.size) + 1;
  const std::string place = absl::StrCat(root.name(), "/", path);
  auto names = ReadNames(*directory, place, page.begin, most, limits);
  if (!names.ok()) return names.status();
  v1::ListFilesResponse response;
  if (names->size() == most) {
    response.set_next_page_token(page.Token(names->back()));
    names->pop_back();
  }
  for (std::string& name : *names) {
    // A network file system asks its server for each.
    if (limits.is_late()) return TooLate(place);
    v1::File file;
    file.set_name(std::move(name));
    if (!DescribeEntry(root, PathOf(path), descriptor, file)) continue;
    *response.add_files() = std::move(file);
  }
  return response;
}

}  // namespace tcptool::server
