#include "process/standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace tcptool {
namespace {

// Whether it was there when the program was started. What closes on exec was
// not: some library's initialiser, gRPC's for one, runs before main(), and has
// got the number for a descriptor of its own.
bool IsInherited(int descriptor) {
  const int flags = fcntl(descriptor, F_GETFD);
  return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

}  // namespace

void ReserveStandardDescriptors() {
  for (int i = STDIN_FILENO; i <= STDERR_FILENO; ++i) {
    // There is always a "/"; in a chroot there may be no /dev/null.
    if (fcntl(i, F_GETFD) < 0 && errno == EBADF) open("/", O_PATH);
  }
}

bool StandardInputIsOpen() {
  return IsInherited(STDIN_FILENO) &&
         (read(STDIN_FILENO, nullptr, 0) == 0 || errno != EBADF);
}

bool StandardOutputIsOpen() {
  return IsInherited(STDOUT_FILENO) &&
         (write(STDOUT_FILENO, nullptr, 0) == 0 || errno != EBADF);
}

}  // namespace tcptool
