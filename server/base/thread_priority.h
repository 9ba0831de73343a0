// The scheduling priority of threads.
#ifndef TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_
#define TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_

namespace tcptool::server {

// Gives the calling thread, and those that it creates from here on, the lowest
// priority (nice 19): the lanes, at nice 0, go first where all cores are busy,
// and a thousand watchers do not slow a transfer. Calls take a little longer
// then. Where the system does not allow it, as some seccomp filters do not, a
// warning is logged.
void YieldToDataPlane();

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_
