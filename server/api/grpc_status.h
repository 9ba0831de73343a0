// absl::Status as gRPC's.
#ifndef TCPTOOL_SERVER_API_GRPC_STATUS_H_
#define TCPTOOL_SERVER_API_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace tcptool::server {

// The codes are the same numbers. An error has a google.rpc.Status as its
// details, which gRPC sends as "grpc-status-details-bin"; error_details.h has
// their bounds.
grpc::Status ToGrpc(const absl::Status& status);

// The same UNAVAILABLE, of what has been tried for long already: clients that
// try again by themselves do not, and tell their user.
absl::Status TriedForLong(absl::Status status);
bool IsTriedForLong(const absl::Status& status);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_GRPC_STATUS_H_
