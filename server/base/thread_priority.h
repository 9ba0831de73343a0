// Which threads go first where all cores are busy.
#ifndef TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_
#define TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_

namespace tcptool::server {

// The calling thread, and those that it starts from here on, give way to the
// data plane's: a thousand watchers do not slow a transfer. Whoever calls waits
// a little longer while all cores are busy sending.
void YieldToDataPlane();

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_THREAD_PRIORITY_H_
