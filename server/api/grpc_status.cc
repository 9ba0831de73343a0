#include "server/api/grpc_status.h"

#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "server/api/error_details.h"

namespace tcptool::server {
namespace {

// Of a payload of statuses that are not to be tried again.
constexpr char kTriedForLong[] = "tcptool/tried-for-long";

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string message = MessageOf(status);
  std::string details = DetailsOf(status, message).SerializeAsString();
  return {static_cast<grpc::StatusCode>(status.code()), std::move(message),
          std::move(details)};
}

absl::Status TriedForLong(absl::Status status) {
  status.SetPayload(kTriedForLong, absl::Cord());
  return status;
}

bool IsTriedForLong(const absl::Status& status) {
  return status.GetPayload(kTriedForLong).has_value();
}

}  // namespace tcptool::server
