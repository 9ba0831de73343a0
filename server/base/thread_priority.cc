#include "server/base/thread_priority.h"

#include <sys/resource.h>

namespace tcptool::server {

void YieldToDataPlane() {
  constexpr int kNice = 19;
  // Of one thread, on Linux (setpriority(2), "C library/kernel differences").
  setpriority(PRIO_PROCESS, 0, kNice);
}

}  // namespace tcptool::server
