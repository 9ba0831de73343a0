#include "process/standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace tcptool {

void ReserveStandardDescriptors() {
  for (int i = STDIN_FILENO; i <= STDERR_FILENO; ++i) {
    // There is always a "/"; in a chroot there may be no /dev/null.
    if (fcntl(i, F_GETFD) < 0 && errno == EBADF) open("/", O_PATH);
  }
}

bool StandardInputIsOpen() {
  return read(STDIN_FILENO, nullptr, 0) == 0 || errno != EBADF;
}

bool StandardOutputIsOpen() {
  return write(STDOUT_FILENO, nullptr, 0) == 0 || errno != EBADF;
}

}  // namespace tcptool
