// The scheduling priority of threads.
#ifndef TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_
#define TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_

namespace tcptool::server {

// Gives the calling thread, and those that it creates from here on, a lower
// priority than the lanes have (nice 5): where all cores are busy, a quarter of
// each at most is taken from the lanes, whatever clients ask for, and a call
// waits for some milliseconds. At nice 19, a share of one in 70, it waited for
// a tenth of a second. Where the system does not allow it, as some seccomp
// filters do not, a warning is logged.
void YieldToDataPlane();

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_
