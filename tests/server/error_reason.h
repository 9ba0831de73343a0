// Why a call has failed, as its client finds it in the trailers.
#ifndef TCPTOOL_TESTS_SERVER_ERROR_REASON_H_
#define TCPTOOL_TESTS_SERVER_ERROR_REASON_H_

#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/api/errors.h"
#include "server/api/grpc_status.h"

namespace tcptool::server {

// The name of an ErrorReason without "ERROR_REASON_"; empty: there is none.
inline std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(details.message(), status.error_message());
  google::rpc::ErrorInfo info;
  for (const google::protobuf::Any& detail : details.details()) {
    if (!detail.UnpackTo(&info)) continue;
    EXPECT_EQ(info.domain(), kErrorDomain);
    return info.reason();
  }
  return "";
}

inline std::string ReasonOf(const absl::Status& status) {
  return ReasonOf(ToGrpc(status));
}

// The paths of the fields that are wrong, in their order.
inline std::vector<std::string> WrongFieldsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  std::vector<std::string> fields;
  google::rpc::BadRequest request;
  for (const google::protobuf::Any& detail : details.details()) {
    if (!detail.UnpackTo(&request)) continue;
    for (const auto& one : request.field_violations()) {
      fields.push_back(one.field());
    }
  }
  return fields;
}

inline std::vector<std::string> WrongFieldsOf(const absl::Status& status) {
  return WrongFieldsOf(ToGrpc(status));
}

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_ERROR_REASON_H_
