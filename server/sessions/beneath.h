// Finds files below a directory, such that no path leads out of it.
#ifndef TCPTOOL_SERVER_SESSIONS_BENEATH_H_
#define TCPTOOL_SERVER_SESSIONS_BENEATH_H_

#include <string>

#include "absl/strings/string_view.h"
#include "dataplane/base/unique_fd.h"

namespace tcptool::server {

// How a path is walked. Both keep it below the directory, whoever renames and
// links meanwhile; they differ in what the kernel has to allow.
enum class BeneathMethod {
  // openat2(2) with RESOLVE_BENEATH: one system call.
  kOpenat2,
  // openat(2) for each part, with O_NOFOLLOW; links are read and walked here.
  // For kernels before 5.6, and where a seccomp filter refuses openat2: the
  // kernel's filters cannot look at the flags that it takes, so systemd's
  // RestrictSUIDSGID= refuses all of it, and so do old container engines.
  kSteps,
};

// kOpenat2 if the kernel does it for this process. Any thread.
BeneathMethod ChooseBeneathMethod();

// "openat2" or "steps", for the log.
absl::string_view BeneathMethodName(BeneathMethod method);

// Finds `path`, which is relative to `directory`: a descriptor by O_PATH, so
// that nothing is opened, which may have an effect, or wait, where it is a
// device or a FIFO. "..", and symbolic links, may lead about below `directory`,
// and to what is mounted there. Invalid, with errno, on an error: EXDEV
// where the path would leave it, ELOOP where symbolic links go round in a
// circle or are too many. May wait for a disk. Any thread.
dataplane::UniqueFd FindBeneath(BeneathMethod method, int directory,
                                const std::string& path);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_BENEATH_H_
