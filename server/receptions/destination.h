// Where a received file goes, below a writable root.
#ifndef TCPTOOL_SERVER_RECEPTIONS_DESTINATION_H_
#define TCPTOOL_SERVER_RECEPTIONS_DESTINATION_H_

#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/receiving/partial_file.h"
#include "server/sessions/content_root.h"

namespace tcptool::server {

// Opens the directory of `destination`, which has all else: `path`, relative to
// the root. Then looks whether the file can be received there, `length` bytes
// of it. Errors as the API's FileDestination says. May wait for the disk.
absl::Status OpenDestination(const ContentRoot& root, const std::string& path,
                             uint64_t length,
                             dataplane::Destination& destination);

// Of receptions into one directory: the ids of their partial files.
struct PartialIds {
  std::set<std::string> gone;
  // Not given: whose the others are is not known, and they stay.
  std::optional<std::set<std::string>> going_on;
};

// Removes from a directory of the root what `gone` have left; and, where it is
// known who goes on, as much of the rest as SweepLimits says. What somebody has
// open stays. Returns the number of files removed. May wait for the disk.
absl::StatusOr<size_t> RemovePartialFiles(const ContentRoot& root,
                                          const std::string& path,
                                          const PartialIds& ids);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_DESTINATION_H_
