// What the trailers of a failed call say of its error, and how much of it.
#include "server/api/errors.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/api/etag.h"
#include "server/api/grpc_status.h"
#include "server/api/invalid_field.h"
#include "tests/server/error_reason.h"

namespace tcptool::server {
namespace {

// As a client decodes it.
google::rpc::Status Decode(const grpc::Status& status) {
  google::rpc::Status decoded;
  EXPECT_TRUE(decoded.ParseFromString(status.error_details()));
  EXPECT_EQ(decoded.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(decoded.message(), status.error_message());
  return decoded;
}

template <typename Detail>
std::optional<Detail> Find(const google::rpc::Status& status) {
  Detail detail;
  for (const google::protobuf::Any& any : status.details()) {
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

template <typename Detail>
std::optional<Detail> Find(const absl::Status& status) {
  return Find<Detail>(Decode(ToGrpc(status)));
}

// What a message takes in the trailers, as gRPC encodes it.
size_t TrailerBytes(const grpc::Status& status) {
  size_t bytes = (status.error_details().size() + 2) / 3 * 4;
  for (const char byte : status.error_message()) {
    bytes += byte >= ' ' && byte <= '~' && byte != '%' ? 1 : 3;
  }
  return bytes;
}

TEST(ErrorsTest, SuccessHasNoDetails) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_EQ(ToGrpc(absl::OkStatus()).error_details(), "");
}

TEST(ErrorsTest, ErrorWithoutReasonHasThatOfItsCode) {
  using absl::StatusCode;
  const std::pair<StatusCode, const char*> reasons[] = {
      {StatusCode::kCancelled, "CANCELLED"},
      {StatusCode::kUnknown, "INTERNAL"},
      {StatusCode::kInvalidArgument, "INVALID_REQUEST"},
      {StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED"},
      {StatusCode::kNotFound, "RESOURCE_NOT_FOUND"},
      {StatusCode::kAlreadyExists, "ID_TAKEN"},
      {StatusCode::kPermissionDenied, "ACCESS_DENIED"},
      {StatusCode::kResourceExhausted, "LIMIT_REACHED"},
      {StatusCode::kFailedPrecondition, "PRECONDITION_FAILED"},
      {StatusCode::kAborted, "CONCURRENT_CHANGES"},
      {StatusCode::kOutOfRange, "OUT_OF_RANGE"},
      {StatusCode::kUnimplemented, "UNIMPLEMENTED"},
      {StatusCode::kInternal, "INTERNAL"},
      {StatusCode::kUnavailable, "UNAVAILABLE"},
      {StatusCode::kDataLoss, "INTERNAL"},
      {StatusCode::kUnauthenticated, "CREDENTIALS_MISSING"},
  };
  for (const auto& [code, reason] : reasons) {
    EXPECT_EQ(ReasonOf(absl::Status(code, "")), reason) << code;
  }
}

TEST(ErrorsTest, ReasonComesWithItsMetadata) {
  const absl::Status status =
      WithReason(absl::PermissionDeniedError("no"),
                 v1::ERROR_REASON_ROLE_MISSING, {{"role", "operator"}});
  EXPECT_EQ(ReasonOf(status), "ROLE_MISSING");
  const auto info = Find<google::rpc::ErrorInfo>(status);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->metadata().at("role"), "operator");
  EXPECT_EQ(ReasonOf(EtagMismatch("sessions/a", "it is FAILED")),
            "ETAG_MISMATCH");
}

TEST(ErrorsTest, EachKindOfErrorHasItsDetail) {
  const auto precondition = Find<google::rpc::PreconditionFailure>(
      FailedPrecondition(v1::ERROR_REASON_PORT_IN_USE, "port", "it is in use"));
  ASSERT_TRUE(precondition);
  EXPECT_EQ(precondition->violations(0).type(), "PORT_IN_USE");
  EXPECT_EQ(precondition->violations(0).subject(), "port");
  EXPECT_EQ(precondition->violations(0).description(), "it is in use");

  const auto quota = Find<google::rpc::QuotaFailure>(
      Exhausted(v1::ERROR_REASON_TOO_MANY_SESSIONS, "sessions", "too many"));
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->violations(0).subject(), "sessions");

  for (const absl::Status& status :
       {NotFound(v1::ERROR_REASON_RESOURCE_NOT_FOUND, kSessionType,
                 "sessions/a", "there is none"),
        AlreadyExists(v1::ERROR_REASON_ID_TAKEN, kSessionType, "sessions/a",
                      "there is one")}) {
    const auto resource = Find<google::rpc::ResourceInfo>(status);
    ASSERT_TRUE(resource);
    EXPECT_EQ(resource->resource_type(), "tcptool/Session");
    EXPECT_EQ(resource->resource_name(), "sessions/a");
  }

  const auto retry = Find<google::rpc::RetryInfo>(
      Unavailable(v1::ERROR_REASON_SERVICE_STOPPING, "it stops"));
  ASSERT_TRUE(retry);
  EXPECT_EQ(retry->retry_delay().seconds(), 1);
}

TEST(ErrorsTest, PrefixKeepsTheDetails) {
  const absl::Status status = Prefixed(
      "session.spec.file: ", NotFound(v1::ERROR_REASON_FILE_NOT_FOUND,
                                      kFileType, "a", "there is no file"));
  EXPECT_EQ(status.message(), "session.spec.file: there is no file");
  EXPECT_EQ(ReasonOf(status), "FILE_NOT_FOUND");
  EXPECT_TRUE(Find<google::rpc::ResourceInfo>(status));
}

TEST(ErrorsTest, AllWrongFieldsAreNamedOnceEach) {
  InvalidFields wrong;
  EXPECT_TRUE(wrong.status().ok());
  wrong.Add("a", "it is empty");
  wrong.Add("b[1]", "it is negative");
  wrong.Add("a", "it follows from the first");
  EXPECT_EQ(wrong.status().message(), "a: it is empty");
  EXPECT_EQ(ReasonOf(wrong.status()), "INVALID_FIELD");
  const auto request = Find<google::rpc::BadRequest>(wrong.status());
  ASSERT_TRUE(request);
  ASSERT_EQ(request->field_violations_size(), 2);
  EXPECT_EQ(request->field_violations(0).field(), "a");
  EXPECT_EQ(request->field_violations(0).description(), "it is empty");
  EXPECT_EQ(request->field_violations(1).field(), "b[1]");
}

TEST(ErrorsTest, WrongFieldsOfTwoChecksAreNamedTogether) {
  const absl::Status id = InvalidField("session_id", "it is none");
  const absl::Status port = InvalidField("session.spec.port", "it is none");
  const absl::Status both = BothChecks(id, port);
  EXPECT_EQ(both.message(), id.message());
  EXPECT_EQ(ReasonOf(both), "INVALID_FIELD");
  EXPECT_EQ(WrongFieldsOf(both),
            (std::vector<std::string>{"session_id", "session.spec.port"}));
  const absl::Status ok;
  EXPECT_EQ(BothChecks(ok, port), port);
  EXPECT_EQ(BothChecks(id, ok), id);
  EXPECT_TRUE(BothChecks(ok, ok).ok());
  // The request would be refused again with the one mended.
  EXPECT_EQ(BothChecks(id, absl::NotFoundError("none")), id);
  EXPECT_EQ(BothChecks(absl::NotFoundError("none"), id),
            absl::NotFoundError("none"));
}

TEST(ErrorsTest, NoMoreThanSoManyWrongFieldsAreKept) {
  InvalidFields wrong;
  for (int i = 0; i < 1000; ++i) wrong.Add(absl::StrCat("f[", i, "]"), "no");
  EXPECT_TRUE(wrong.full());
  const auto request = Find<google::rpc::BadRequest>(wrong.status());
  ASSERT_TRUE(request);
  EXPECT_EQ(request->field_violations_size(), InvalidFields::kMost);
}

// Clients accept 8 KiB of trailers.
TEST(ErrorsTest, DetailsFitIntoTheTrailers) {
  for (const std::string character : {"x", "\u00fc", "%", "\n"}) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += character;
    InvalidFields wrong;
    for (int i = 0; i < 32; ++i) wrong.Add(absl::StrCat("f[", i, "]"), text);
    const grpc::Status status = ToGrpc(wrong.status());
    EXPECT_LE(TrailerBytes(status), 7000u) << character;
    const auto request = Find<google::rpc::BadRequest>(Decode(status));
    ASSERT_TRUE(request) << character;
    EXPECT_GE(request->field_violations_size(), 1);
    EXPECT_LT(request->field_violations_size(), 32);
    EXPECT_EQ(request->field_violations(0).field(), "f[0]");

    const grpc::Status missing = ToGrpc(
        NotFound(v1::ERROR_REASON_FILE_NOT_FOUND, kFileType, text, text));
    EXPECT_LE(TrailerBytes(missing), 7000u) << character;
    EXPECT_TRUE(Find<google::rpc::ResourceInfo>(Decode(missing))) << character;

    const grpc::Status full =
        ToGrpc(Exhausted(v1::ERROR_REASON_NO_SPACE, text, text));
    EXPECT_LE(TrailerBytes(full), 7000u) << character;
    EXPECT_TRUE(Find<google::rpc::QuotaFailure>(Decode(full))) << character;
  }
}

TEST(ErrorsTest, BytesThatAreNoTextAreReplaced) {
  const grpc::Status status =
      ToGrpc(NotFound(v1::ERROR_REASON_FILE_NOT_FOUND, kFileType, "a\xff",
                      "there is no a\xff\n"));
  EXPECT_EQ(status.error_message(), "there is no a?\n");
  const auto resource = Find<google::rpc::ResourceInfo>(Decode(status));
  ASSERT_TRUE(resource);
  EXPECT_EQ(resource->resource_name(), "a?");

  const absl::Status taken = WithReason(
      FailedPrecondition(v1::ERROR_REASON_DEVICE_EMPTY, "a\xff", "none\xff"),
      v1::ERROR_REASON_DEVICE_EMPTY, {{"node", "n\xff"}});
  EXPECT_EQ(ReasonOf(taken), "DEVICE_EMPTY");
  const auto failure = Find<google::rpc::PreconditionFailure>(taken);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->violations(0).subject(), "a?");
  const auto quota = Find<google::rpc::QuotaFailure>(
      Exhausted(v1::ERROR_REASON_NO_SPACE, "d\xff", "full\xff"));
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->violations(0).description(), "full?");
  const auto request =
      Find<google::rpc::BadRequest>(InvalidField("path\xc3", "no \xff"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->field_violations(0).field(), "path?");
  EXPECT_EQ(request->field_violations(0).description(), "no ?");
}

}  // namespace
}  // namespace tcptool::server
