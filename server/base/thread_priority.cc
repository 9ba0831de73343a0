#include "server/base/thread_priority.h"

#include <sys/resource.h>

namespace tcptool::server {

void YieldToDataPlane() {
  constexpr int kNice = 19;
  // On Linux niceness is a thread's, not the process's (setpriority(2), "C
  // library/kernel differences").
  setpriority(PRIO_PROCESS, 0, kNice);
}

}  // namespace tcptool::server
