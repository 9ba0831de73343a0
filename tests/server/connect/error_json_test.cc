#include "server/connect/error_json.h"

#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace tcptool::server {
namespace {

TEST(ConnectCodeTest, EachCodeHasItsNameAndStatus) {
  using grpc::StatusCode;
  const struct {
    StatusCode code;
    const char* name;
    int status;
  } kExpected[] = {
      {StatusCode::CANCELLED, "canceled", 499},
      {StatusCode::UNKNOWN, "unknown", 500},
      {StatusCode::INVALID_ARGUMENT, "invalid_argument", 400},
      {StatusCode::DEADLINE_EXCEEDED, "deadline_exceeded", 504},
      {StatusCode::NOT_FOUND, "not_found", 404},
      {StatusCode::ALREADY_EXISTS, "already_exists", 409},
      {StatusCode::PERMISSION_DENIED, "permission_denied", 403},
      {StatusCode::RESOURCE_EXHAUSTED, "resource_exhausted", 429},
      {StatusCode::FAILED_PRECONDITION, "failed_precondition", 400},
      {StatusCode::ABORTED, "aborted", 409},
      {StatusCode::OUT_OF_RANGE, "out_of_range", 400},
      {StatusCode::UNIMPLEMENTED, "unimplemented", 501},
      {StatusCode::INTERNAL, "internal", 500},
      {StatusCode::UNAVAILABLE, "unavailable", 503},
      {StatusCode::DATA_LOSS, "data_loss", 500},
      {StatusCode::UNAUTHENTICATED, "unauthenticated", 401},
      {StatusCode::DO_NOT_USE, "unknown", 500},
  };
  for (const auto& [code, name, status] : kExpected) {
    EXPECT_EQ(ConnectCode(code), name);
    EXPECT_EQ(HttpStatusOf(code), status) << name;
  }
}

TEST(ErrorJsonTest, HasCodeAndMessage) {
  EXPECT_EQ(ErrorJson({grpc::StatusCode::NOT_FOUND, "no \"a\"\n"}),
            R"({"code":"not_found","message":"no \"a\"\u000a"})");
  EXPECT_EQ(ErrorJson({grpc::StatusCode::ABORTED, ""}),
            R"({"code":"aborted"})");
}

TEST(ErrorJsonTest, HasTheDetailsOfTheStatus) {
  google::rpc::ErrorInfo info;
  info.set_reason("ID_TAKEN");
  google::rpc::Status status;
  status.add_details()->PackFrom(info);
  auto& unknown = *status.add_details();
  unknown.set_type_url("type.googleapis.com/a.Stranger");
  unknown.set_value("abcd");
  // In base64 "CghJRF9UQUtFTg", without the padding.
  EXPECT_EQ(ErrorJson({grpc::StatusCode::ALREADY_EXISTS, "m",
                       status.SerializeAsString()}),
            R"({"code":"already_exists","message":"m","details":[)"
            R"({"type":"google.rpc.ErrorInfo","value":"CghJRF9UQUtFTg",)"
            R"("debug":{"reason":"ID_TAKEN"}},)"
            R"({"type":"a.Stranger","value":"YWJjZA"}]})");
}

TEST(ErrorJsonTest, LeavesOutDetailsThatAreNoStatus) {
  EXPECT_EQ(ErrorJson({grpc::StatusCode::ABORTED, "m", "\xff\xff"}),
            R"({"code":"aborted","message":"m"})");
}

TEST(EndOfStreamJsonTest, HasTheErrorIfThereIsOne) {
  EXPECT_EQ(EndOfStreamJson(grpc::Status::OK), "{}");
  EXPECT_EQ(EndOfStreamJson({grpc::StatusCode::UNAVAILABLE, "later"}),
            R"({"error":{"code":"unavailable","message":"later"}})");
}

}  // namespace
}  // namespace tcptool::server
