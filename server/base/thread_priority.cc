#include "server/base/thread_priority.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "server/base/log.h"

namespace tcptool::server {

void YieldToDataPlane() {
  constexpr int kNice = 5;  // A weight of 335, where nice 0 has 1,024.
  // On Linux niceness is a thread's, not the process's (setpriority(2), "C
  // library/kernel differences").
  if (setpriority(PRIO_PROCESS, 0, kNice) != 0) {
    LogWarning("priority_not_lowered", {{"error", std::strerror(errno)}});
  }
}

}  // namespace tcptool::server
