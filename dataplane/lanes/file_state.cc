#include "dataplane/lanes/file_state.h"

#include <algorithm>
#include <ctime>

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

// The coarsest resolution of time stamps: FAT's, 2 s. Some older file systems
// have 1 s.
constexpr absl::Duration kCoarse = absl::Seconds(2);

// The resolution of the clock from which the kernel takes time stamps.
absl::Duration Tick() {
  timespec resolution{};
  clock_getres(CLOCK_REALTIME_COARSE, &resolution);
  return absl::DurationFromTimespec(resolution);
}

}  // namespace

std::string Difference(const FileState& before, const FileState& after) {
  if (before.device != after.device || before.inode != after.inode) {
    return "another file has taken its place";
  }
  if (before.size != after.size) {
    return absl::StrCat("it had ", before.size, " bytes and has ", after.size);
  }
  if (before.modified != after.modified) {
    return absl::StrCat("it was written to at ",
                        absl::FormatTime(after.modified, absl::UTCTimeZone()));
  }
  if (before.changed != after.changed && after.links >= before.links) {
    return absl::StrCat("its inode was changed at ",
                        absl::FormatTime(after.changed, absl::UTCTimeZone()));
  }
  return "";
}

absl::Duration TimeUntilDistinct(const FileState& state, absl::Time now) {
  // Time stamps without a fraction come from file systems that keep none.
  const bool coarse = state.changed ==
                      absl::FromUnixSeconds(absl::ToUnixSeconds(state.changed));
  const absl::Time distinct = state.changed + (coarse ? kCoarse : 2 * Tick());
  // A time stamp in the future is from another clock, as a file server's, and
  // there is no knowing how long to wait.
  if (state.changed > now) return absl::ZeroDuration();
  return std::max(absl::ZeroDuration(), distinct - now);
}

}  // namespace tcptool::dataplane
