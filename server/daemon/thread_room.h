// Whether the system gives the process the threads that it needs.
#ifndef TCPTOOL_SERVER_DAEMON_THREAD_ROOM_H_
#define TCPTOOL_SERVER_DAEMON_THREAD_ROOM_H_

#include <cstddef>

namespace tcptool::server {

// How many threads more the process can have now, `wanted` at most. Found out
// by starting them, as limits are of many kinds (cgroups and those above them,
// RLIMIT_NPROC, the system's own), and others use them up too; they end before
// this returns. Any thread.
size_t ThreadRoom(size_t wanted);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_THREAD_ROOM_H_
