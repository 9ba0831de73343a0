// absl::Status as gRPC's: the codes are the same numbers.
#ifndef TCPTOOL_SERVER_GRPC_STATUS_H_
#define TCPTOOL_SERVER_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace tcptool::server {

inline grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()),
          std::string(status.message())};
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_GRPC_STATUS_H_
