// Which disk a file is on.
#ifndef TCPTOOL_DATAPLANE_BASE_DISK_OF_H_
#define TCPTOOL_DATAPLANE_BASE_DISK_OF_H_

#include <cstdint>

namespace tcptool::dataplane {

// The same number for all files that wait for the same device or server: that
// of the file system, or of a block device itself. 0 if it is unknown. Does not
// wait for a network file system's server, as fstat(2) may.
uint64_t DiskOf(int descriptor);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_DISK_OF_H_
