// gRPC's own threads: started before the service serves, not when calls come,
// and never waited for.
#ifndef TCPTOOL_SERVER_RPC_GRPC_THREADS_H_
#define TCPTOOL_SERVER_RPC_GRPC_THREADS_H_

#include <cstddef>

#include "absl/status/status.h"

namespace tcptool::server {

// How many threads gRPC 1.51 has in a process that serves. Its timers can have
// more: one for each that is due while all others are at work.
size_t GrpcThreads();

// Keeps gRPC's library until the process ends, with its executor, its timers
// and its event engine. These end with the last server or channel, and gRPC
// waits then for each thread that it has started, also for those that it did
// not get (EAGAIN): for ever. It takes one more for its timers whenever a timer
// is due while another is at work, which clients bring about by deadlines. Once
// is enough; again does no harm. Any thread.
void KeepGrpcThreads();

// Has gRPC start all threads of its executor, on which calls end. By itself it
// starts one whenever three tasks wait for another, and takes no notice if it
// gets none (EAGAIN): the calls that it gives that thread then never end, nor
// does grpc::Server::Shutdown(). While a grpc::Server is there, before it gets
// calls; again does no harm. UNAVAILABLE: the tasks have not run in time. Any
// thread.
absl::Status StartGrpcThreads();

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_GRPC_THREADS_H_
