// Errors as the Connect protocol has them.
#ifndef TCPTOOL_SERVER_CONNECT_ERROR_JSON_H_
#define TCPTOOL_SERVER_CONNECT_ERROR_JSON_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/strings/string_view.h"

namespace tcptool::server {

// "not_found" of NOT_FOUND; of what is no error's code, "unknown".
absl::string_view ConnectCode(grpc::StatusCode code);
// The status of a response with that error.
int HttpStatusOf(grpc::StatusCode code);

// {"code": ..., "message": ..., "details": [...]}, on one line. The details are
// those of the google.rpc.Status in `error`: each has its type, its bytes, and
// what it is in JSON if the process knows its type.
std::string ErrorJson(const grpc::Status& error);

// What the last message of a stream has: {} or {"error": {...}}.
std::string EndOfStreamJson(const grpc::Status& status);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_CONNECT_ERROR_JSON_H_
