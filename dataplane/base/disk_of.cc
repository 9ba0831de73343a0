#include "dataplane/base/disk_of.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace tcptool::dataplane {

uint64_t DiskOf(int descriptor) {
  struct statx status {};
  if (statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE,
            &status) != 0) {
    return 0;
  }
  return S_ISBLK(status.stx_mode)
             ? makedev(status.stx_rdev_major, status.stx_rdev_minor)
             : makedev(status.stx_dev_major, status.stx_dev_minor);
}

}  // namespace tcptool::dataplane
