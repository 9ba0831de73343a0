// How the process shares out its descriptors.
#ifndef TCPTOOL_DATAPLANE_BASE_DESCRIPTOR_RESERVE_H_
#define TCPTOOL_DATAPLANE_BASE_DESCRIPTOR_RESERVE_H_

#include <sys/resource.h>

#include <algorithm>

namespace tcptool::dataplane {

// Of the descriptors that the process may have (RLIMIT_NOFILE), those that are
// not for recipients: for the connections of the control API and of other
// nodes, which take half at most together, for HTTP's, which take a quarter,
// for files that nodes follow, which take an eighth, and for new sessions and
// the state. However many peers come to the ports, whoever
// runs the service can still reach it.
struct DescriptorReserve {
  int limit;    // Of the process.
  int reserve;  // A quarter of that, at most 4,096.

  static DescriptorReserve Now() {
    rlimit system{};
    getrlimit(RLIMIT_NOFILE, &system);
    const int limit =
        static_cast<int>(std::min<rlim_t>(system.rlim_cur, 1 << 30));
    return {.limit = limit, .reserve = std::min(limit / 4, 4096)};
  }

  // The kernel gives out the lowest descriptor that is free, so one from here
  // on says that at least so many are in use.
  int first_reserved() const { return limit - reserve; }
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_DESCRIPTOR_RESERVE_H_
