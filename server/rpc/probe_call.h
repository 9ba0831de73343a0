// A call over HTTP/2 that shows whether gRPC answers.
#ifndef TCPTOOL_SERVER_RPC_PROBE_CALL_H_
#define TCPTOOL_SERVER_RPC_PROBE_CALL_H_

#include <chrono>

#include "absl/status/status.h"

namespace tcptool::server {

// Makes a health check on `connection`, a new one to an HTTP/2 server in clear
// text, non-blocking, and waits for the answer, whatever that is, for `timeout`
// at most. Written out, as a client of gRPC's would need what it is to check:
// gRPC's threads. UNAVAILABLE: there is none.
absl::Status MakeProbeCall(int connection, std::chrono::milliseconds timeout);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_PROBE_CALL_H_
