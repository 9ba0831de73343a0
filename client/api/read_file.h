// Files that a command line names.
#ifndef TCPTOOL_CLIENT_API_READ_FILE_H_
#define TCPTOOL_CLIENT_API_READ_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace tcptool {

// The whole file. INVALID_ARGUMENT: it cannot be read, or is empty; the message
// names it, and gives the system's reason.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_API_READ_FILE_H_
