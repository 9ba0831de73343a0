#include "dataplane/receiving/partial_sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/receiving/partial_file.h"

namespace tcptool::dataplane {
namespace {

// A map's file is made after its partial file, so one that is alone has been
// left behind: when its content had got its name, and the process was killed.
constexpr absl::Duration kLoneMapAge = absl::Minutes(1);

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

struct Found {
  std::string id;
  absl::Time written;
};

std::optional<absl::Time> WrittenAt(int directory, const std::string& name) {
  struct stat status;
  if (fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  return absl::TimeFromTimespec(status.st_mtim);
}

// Removes the file if nobody has it open. False: it stays.
bool RemoveIfUnlocked(FileApi& files, int directory, const std::string& name) {
  const int opened = files.OpenAt(directory, name, O_RDWR | O_NOFOLLOW, 0);
  if (opened < 0) return false;
  const UniqueFd file(opened);
  // Unlinked under its lock: whoever opens it in between sees that.
  return flock(file.get(), LOCK_EX | LOCK_NB) == 0 &&
         files.Unlink(directory, name) == 0;
}

}  // namespace

absl::StatusOr<size_t> SweepPartialFiles(
    FileApi& files, int directory,
    const std::function<bool(const std::string& id)>& is_known,
    const SweepLimits& limits) {
  // Opened anew, since reading moves the position of a directory.
  const int opened = files.OpenAt(directory, ".", O_RDONLY | O_DIRECTORY, 0);
  const std::unique_ptr<DIR, CloseDirectory> entries(
      opened < 0 ? nullptr : fdopendir(opened));
  if (entries == nullptr) {
    return absl::ErrnoToStatus(opened < 0 ? -opened : errno,
                               "listing a directory of contents");
  }
  const absl::Time now = absl::Now();
  std::vector<Found> partial_files;
  std::vector<Found> maps;
  while (const dirent* entry = readdir(entries.get())) {
    absl::string_view id = entry->d_name;
    if (!absl::ConsumePrefix(&id, kPartialPrefix)) continue;
    const bool is_map = absl::ConsumeSuffix(&id, kMapSuffix);
    if (is_known(std::string(id))) continue;
    if (const auto written = WrittenAt(directory, entry->d_name)) {
      (is_map ? maps : partial_files).push_back({std::string(id), *written});
    }
  }
  // The youngest first.
  std::ranges::sort(partial_files, std::ranges::greater(), &Found::written);
  size_t kept = 0;
  size_t removed = 0;
  for (const Found& found : partial_files) {
    if (kept < limits.max_count && now - found.written < limits.max_age) {
      ++kept;
      continue;
    }
    const std::string name = absl::StrCat(kPartialPrefix, found.id);
    if (RemoveIfUnlocked(files, directory, name)) ++removed;
  }
  for (const Found& found : maps) {
    const std::string partial = absl::StrCat(kPartialPrefix, found.id);
    const bool is_swept = std::ranges::find(partial_files, found.id,
                                            &Found::id) != partial_files.end();
    if (!WrittenAt(directory, partial) &&
        (is_swept ||
         now - found.written >= std::min(kLoneMapAge, limits.max_age)) &&
        files.Unlink(directory, absl::StrCat(partial, kMapSuffix)) == 0) {
      ++removed;
    }
  }
  return removed;
}

}  // namespace tcptool::dataplane
