// The scheduling priority of threads.
#ifndef TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_
#define TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_

namespace tcptool::server {

// Gives the calling thread, and those that it creates from here on, a lower
// priority than the lanes have (nice 5, a third of their weight): where all
// cores are busy, each of these that runs takes a quarter of a core from the
// lane it shares that with, and a call waits for some milliseconds. At nice 19,
// one part in 70, it waited for a tenth of a second. Where the system does not
// allow it, as some seccomp filters do not, a warning is logged.
void YieldToDataPlane();

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_
