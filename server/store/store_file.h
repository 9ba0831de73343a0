// The file of the service's state: where it is, and its lock.
#ifndef TCPTOOL_SERVER_STORE_STORE_FILE_H_
#define TCPTOOL_SERVER_STORE_STORE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"

namespace tcptool::server {

// The state is in memory, and gone with the process.
inline constexpr char kInMemory[] = ":memory:";

// $STATE_DIRECTORY/tcptoold.db where a service manager sets that
// (systemd.exec(5)); else $XDG_STATE_HOME/tcptool/tcptoold.db, else the same
// below ~/.local/state (XDG Base Directory Specification). NOT_FOUND: none of
// them is set, nor $HOME.
absl::StatusOr<std::string> DefaultStatePath();

// Makes the directory (0700) and the file (0600) if they are missing, and locks
// PATH.lock for as long as the descriptor is open. FAILED_PRECONDITION: another
// process has the lock. PERMISSION_DENIED or UNAVAILABLE name the file.
absl::StatusOr<dataplane::UniqueFd> LockStateFile(const std::string& path);

// `status` with the path that an error is about, and what to do if the file is
// damaged.
absl::Status NamedState(const std::string& path, const absl::Status& status);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_STORE_FILE_H_
