// Errors as tcptoolctl prints them.
#include "client/tcptoolctl/error_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"

namespace tcptool {
namespace {

constexpr char kBadRequest[] = "type.googleapis.com/google.rpc.BadRequest";

absl::Status WithWrongFields() {
  google::rpc::BadRequest request;
  for (const char* field : {"a", "b", "c\x1b"}) {
    auto& violation = *request.add_field_violations();
    violation.set_field(field);
    violation.set_description("it is wrong");
  }
  absl::Status error = absl::InvalidArgumentError("a: it is wrong");
  error.SetPayload(kBadRequest, absl::Cord(request.SerializeAsString()));
  return error;
}

TEST(ErrorTextTest, ErrorWithoutDetailsIsALine) {
  EXPECT_EQ(ErrorText(absl::NotFoundError("there is none\x1b")),
            "NOT_FOUND: there is none?\n");
}

TEST(ErrorTextTest, NamesTheOptionThatMayLack) {
  const absl::Status ended = absl::UnavailableError(
      "failed to connect to all addresses; last error: UNAVAILABLE: "
      "ipv4:192.0.2.1:9875: recvmsg:Connection reset by peer");
  ChannelOptions channel;
  EXPECT_THAT(std::string(WithMissingOption(ended, channel).message()),
              testing::EndsWith("; if it speaks TLS, give --tls-ca or --tls"));
  channel.tls_ca = "ca.pem";
  EXPECT_THAT(std::string(WithMissingOption(ended, channel).message()),
              testing::EndsWith("give --tls-cert and --tls-key"));
  channel.tls_cert = channel.tls_key = "operator.pem";
  EXPECT_EQ(WithMissingOption(ended, channel), ended);
}

TEST(ErrorTextTest, NamesNoOptionWhereThatIsNotWhy) {
  for (const absl::Status& error :
       {absl::UnavailableError("failed to connect to all addresses; last "
                               "error: Connection refused"),
        absl::UnavailableError("Socket closed"),
        absl::UnauthenticatedError("give a token"), absl::OkStatus()}) {
    EXPECT_EQ(WithMissingOption(error, {}), error);
  }
}

TEST(ErrorTextTest, OtherWrongFieldsHaveALineEach) {
  EXPECT_EQ(ErrorText(WithWrongFields()),
            "INVALID_ARGUMENT: a: it is wrong\n"
            "  b: it is wrong\n"
            "  c?: it is wrong\n");
}

TEST(ErrorTextTest, DetailsThatCannotBeReadAreLeftOut) {
  absl::Status error = absl::InvalidArgumentError("a: it is wrong");
  error.SetPayload(kBadRequest, absl::Cord("\xff\xff"));
  EXPECT_EQ(ErrorText(error), "INVALID_ARGUMENT: a: it is wrong\n");
  EXPECT_EQ(ErrorJson(error),
            "{\"error\":{\"code\":3,\"message\":\"a: it is wrong\","
            "\"details\":[]}}\n");
}

TEST(ErrorTextTest, JsonHasTheDetails) {
  EXPECT_EQ(
      ErrorJson(WithWrongFields()),
      R"({"error":{"code":3,"message":"a: it is wrong","details":[{"@type":)"
      R"("type.googleapis.com/google.rpc.BadRequest","fieldViolations":[)"
      R"({"field":"a","description":"it is wrong"},)"
      R"({"field":"b","description":"it is wrong"},)"
      R"({"field":"c\u001b","description":"it is wrong"}]}]}})"
      "\n");
}

TEST(ErrorTextTest, JsonLeavesOutTypesThatAreNotKnown) {
  absl::Status error = absl::NotFoundError("none \xff");
  error.SetPayload("type.googleapis.com/acme.Detail", absl::Cord("x"));
  error.SetPayload("acme", absl::Cord("x"));
  EXPECT_EQ(ErrorJson(error),
            "{\"error\":{\"code\":5,\"message\":\"none ?\",\"details\":[]}}\n");
}

}  // namespace
}  // namespace tcptool
