// Where a received file goes, below a writable root.
#ifndef TCPTOOL_SERVER_RECEPTIONS_DESTINATION_H_
#define TCPTOOL_SERVER_RECEPTIONS_DESTINATION_H_

#include <cstddef>
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

// Removes the partial file with this id from a directory of the root, unless
// somebody has it open. Returns the number of files removed. May wait for the
// disk.
absl::StatusOr<size_t> RemovePartialFile(const ContentRoot& root,
                                         const std::string& path,
                                         const std::string& id);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_DESTINATION_H_
