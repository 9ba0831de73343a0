#include "client/api/to_absl.h"

#include "absl/strings/cord.h"
#include "google/rpc/status.pb.h"

namespace tcptool {

absl::Status ToAbsl(const grpc::Status& status) {
  // The codes are the same numbers.
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& detail : details.details()) {
    result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return result;
}

}  // namespace tcptool
