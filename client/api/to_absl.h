// What a call ended with, for callers of the client.
#ifndef TCPTOOL_CLIENT_API_TO_ABSL_H_
#define TCPTOOL_CLIENT_API_TO_ABSL_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace tcptool {

// The same code and message; the details are payloads, by the URLs of their
// types.
absl::Status ToAbsl(const grpc::Status& status);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_API_TO_ABSL_H_
