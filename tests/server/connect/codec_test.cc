#include "server/connect/codec.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "server/api/error_details.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {
namespace {

constexpr Codec kJson = {.is_json = true};
constexpr Codec kProto = {};

const google::protobuf::Descriptor& CreateType() {
  return *v1::CreateSessionRequest::descriptor();
}

TEST(CodecOfTest, KnowsFourTypes) {
  for (const bool is_json : {false, true}) {
    for (const bool is_stream : {false, true}) {
      const Codec codec = {.is_json = is_json, .is_stream = is_stream};
      const auto found = CodecOf(codec.content_type());
      ASSERT_TRUE(found) << codec.content_type();
      EXPECT_EQ(found->is_json, is_json);
      EXPECT_EQ(found->is_stream, is_stream);
    }
  }
  EXPECT_TRUE(CodecOf("Application/JSON; charset=utf-8")->is_json);
  for (const char* other : {"", "text/plain", "application/jsonp",
                            "application/grpc", "application/connect+xml"}) {
    EXPECT_FALSE(CodecOf(other)) << other;
  }
}

TEST(DecodeTest, ReadsJson) {
  const auto bytes = Decode(
      kJson, CreateType(),
      R"({"sessionId": "a", "session": {"spec": {"computeSha256": true}}})");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  v1::CreateSessionRequest request;
  ASSERT_TRUE(request.ParseFromString(*bytes));
  EXPECT_EQ(request.session_id(), "a");
  EXPECT_TRUE(request.session().spec().compute_sha256());
  EXPECT_EQ(*Decode(kJson, CreateType(), " "), "");
  EXPECT_EQ(*Decode(kProto, CreateType(), "as it is"), "as it is");
}

TEST(DecodeTest, SaysWhatIsWrong) {
  const struct {
    const char* json;
    // How the path of the field begins; empty: the JSON itself is none.
    const char* path;
  } kWrong[] = {
      {"{", ""},
      {"[]", ""},
      {R"({"bogus": 1})", "bogus"},
      {R"({"session": {"spec": {"bogus": 1}}})", "session.spec.bogus"},
      {R"({"session": {"state": "SESSION_STATE_BOGUS"}})", "session"},
      {R"({"session": {"spec": {"maxRecipients": "x"}}})", "session.spec"},
  };
  for (const auto& [json, path] : kWrong) {
    const absl::Status status = Decode(kJson, CreateType(), json).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    const google::rpc::Status details = DetailsOf(status, MessageOf(status));
    std::string found;
    for (const auto& detail : details.details()) {
      google::rpc::BadRequest bad;
      if (detail.UnpackTo(&bad)) found = bad.field_violations(0).field();
    }
    EXPECT_EQ(found.empty(), absl::string_view(path).empty()) << status;
    EXPECT_TRUE(absl::StartsWith(found, path)) << status;
  }
}

TEST(DecodeTest, RefusesWhatIsTooDeep) {
  std::string json = R"({"session": )";
  for (int i = 0; i < 100'000; ++i) json += "[";
  EXPECT_EQ(Decode(kJson, CreateType(), json).status().code(),
            absl::StatusCode::kInvalidArgument);
  // Each of them would be kept, in 300 bytes.
  const std::string allow = R"({"session": {"spec": {"allow": )";
  const auto nested = [&allow](size_t arrays) {
    return Decode(kJson, CreateType(),
                  absl::StrCat(allow, std::string(arrays, '['), "\"]\\\"[\"",
                               std::string(arrays, ']'), "}}}"))
        .status();
  };
  EXPECT_TRUE(nested(97).ok());
  const absl::Status status = nested(98);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(status.message(), "more than 100")) << status;
  // What is in a string is not counted.
  const std::string brackets(1000, '[');
  for (const char* quote : {"\"", "'"}) {
    EXPECT_TRUE(Decode(kJson, CreateType(),
                       absl::StrCat(allow, "[", quote, "\\", quote, brackets,
                                    quote, "]}}}"))
                    .ok());
  }
}

TEST(EncodeTest, WritesJson) {
  v1::Session session;
  session.set_name("sessions/a");
  session.set_state(v1::SESSION_STATE_WAITING);
  session.mutable_create_time()->set_seconds(1);
  EXPECT_EQ(
      *Encode(kJson, *v1::Session::descriptor(), session.SerializeAsString()),
      R"({"name":"sessions/a","state":"SESSION_STATE_WAITING",)"
      R"("createTime":"1970-01-01T00:00:01Z"})");
  EXPECT_EQ(*Encode(kProto, *v1::Session::descriptor(), "as it is"),
            "as it is");
  EXPECT_EQ(Encode(kJson, *v1::Session::descriptor(), "\xff").status().code(),
            absl::StatusCode::kInternal);
}

TEST(DecodeTest, WritesOutNoLongMasks) {
  const auto& type = *v1::UpdateSessionRequest::descriptor();
  const auto decode = [&type](const std::string& mask) {
    return Decode(kJson, type, absl::StrCat("{\"updateMask\": ", mask, "}"))
        .status();
  };
  EXPECT_TRUE(decode("\"spec.labels,spec.retention\"").ok());
  EXPECT_TRUE(decode("\"spec(labels,retention)\"").ok());
  const std::string name(200'000, 'a');
  EXPECT_TRUE(decode(absl::StrCat("\"", name, "\"")).ok());
  std::string paths;
  for (int i = 0; i < 200'000; ++i) paths += "b,";
  std::string nested;
  for (int i = 0; i < 200'000; ++i) nested += "a(";
  for (const std::string& mask : {
           absl::StrCat("\"", name, "(", paths, ")\""),
           absl::StrCat("'", name, "(", paths, ")'"),
           absl::StrCat("\"\\\"", name, "\\u0028", paths, ")\""),
           absl::StrCat("'\"", name, "(", paths, ")'"),
           absl::StrCat("\"", nested, "\""),
           absl::StrCat("\"", nested),
           absl::StrCat("\"", nested, "\\"),
       }) {
    EXPECT_EQ(decode(mask).code(), absl::StatusCode::kInvalidArgument);
  }
  // Elsewhere parentheses mean nothing.
  EXPECT_TRUE(Decode(kJson, *v1::GetSessionRequest::descriptor(),
                     absl::StrCat("{\"name\": \"(", name, "\"}"))
                  .ok());
}

}  // namespace
}  // namespace tcptool::server
