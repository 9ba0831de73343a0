// Removes partial files that belong to nobody.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_PARTIAL_SWEEP_H_
#define TCPTOOL_DATAPLANE_RECEIVING_PARTIAL_SWEEP_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dataplane/receiving/file_api.h"

namespace tcptool::dataplane {

struct SweepLimits {
  // Older ones are removed; the age is that of the last write.
  absl::Duration max_age = absl::Hours(24);
  // Of the others, the oldest beyond this number.
  size_t max_count = 16;
};

// Removes those of `directory`'s partial files that nobody has open and whose
// id is not `is_known` (of a reception that may go on), with their range maps,
// as far as `limits` say; and range maps without a partial file. Returns the
// number of files removed. May wait for the disk. Never touches a file that is
// not named as a partial file is.
absl::StatusOr<size_t> SweepPartialFiles(
    FileApi& files, int directory,
    const std::function<bool(const std::string& id)>& is_known,
    const SweepLimits& limits);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_PARTIAL_SWEEP_H_
