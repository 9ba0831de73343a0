// The name of an output, before anything is done to what it names.
#ifndef TCPTOOL_CLIENT_TCPTOOL_OUTPUT_PATH_H_
#define TCPTOOL_CLIENT_TCPTOOL_OUTPUT_PATH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"

namespace tcptool::client {

// Opens what `path` names for writing. Not valid if nothing is there, and a
// file can be created. A block device that is mounted or in use is refused
// unless `force`, and nobody can mount it while it is open.
//
// Nothing is ever created below /dev, where a name that is misspelled would
// fill the memory. (But in /dev/shm.) The error's message is the system's
// reason.
absl::StatusOr<dataplane::UniqueFd> OpenExisting(const std::string& path,
                                                 bool force);

// The directory that a file of this name is created in: links to a name that
// does not exist yet are followed.
std::string DirectoryOf(const std::string& path);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_OUTPUT_PATH_H_
