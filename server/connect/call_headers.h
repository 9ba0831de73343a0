// What the headers of a call of the Connect protocol say.
#ifndef TCPTOOL_SERVER_CONNECT_CALL_HEADERS_H_
#define TCPTOOL_SERVER_CONNECT_CALL_HEADERS_H_

#include <chrono>
#include <optional>

#include "absl/status/statusor.h"
#include "server/connect/codec.h"
#include "server/http/http_message.h"

namespace tcptool::server {

struct CallHeaders {
  std::optional<std::chrono::milliseconds> timeout;
};

// INVALID_ARGUMENT: another version of the protocol, or a timeout that is none;
// UNIMPLEMENTED: compression.
absl::StatusOr<CallHeaders> ParseCallHeaders(const HttpRequest& request,
                                             const Codec& codec);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_CONNECT_CALL_HEADERS_H_
