#include "server/connect/call_headers.h"

#include <gtest/gtest.h>

namespace tcptool::server {
namespace {

using std::chrono::milliseconds;

absl::StatusOr<CallHeaders> Parse(const char* name, const char* value,
                                  Codec codec = {}) {
  return ParseCallHeaders({.headers = {{name, value}}}, codec);
}

TEST(CallHeadersTest, TakesTimeouts) {
  EXPECT_EQ(ParseCallHeaders({}, {})->timeout, std::nullopt);
  EXPECT_EQ(Parse("connect-timeout-ms", "1500")->timeout, milliseconds(1500));
  EXPECT_EQ(Parse("connect-timeout-ms", "0")->timeout, milliseconds(0));
  EXPECT_EQ(Parse("connect-timeout-ms", "9999999999")->timeout,
            milliseconds(9999999999));
  for (const char* wrong : {"", "-1", "1s", " 1", "1.5", "10000000000"}) {
    EXPECT_EQ(Parse("connect-timeout-ms", wrong).status().code(),
              absl::StatusCode::kInvalidArgument)
        << wrong;
  }
}

TEST(CallHeadersTest, TakesVersionOneAlone) {
  EXPECT_TRUE(Parse("connect-protocol-version", "1").ok());
  EXPECT_EQ(Parse("connect-protocol-version", "2").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(CallHeadersTest, TakesNoCompression) {
  constexpr Codec kStream = {.is_stream = true};
  EXPECT_TRUE(Parse("content-encoding", "identity").ok());
  EXPECT_EQ(Parse("content-encoding", "gzip").status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(Parse("connect-content-encoding", "identity", kStream).ok());
  EXPECT_EQ(Parse("connect-content-encoding", "gzip", kStream).status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace tcptool::server
