#include "server/http/http_body.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace tcptool::server {
namespace {

constexpr size_t kMax = 100;

using Headers = std::vector<std::pair<std::string, std::string>>;

absl::StatusOr<HttpBody> Of(Headers headers) {
  auto body = HttpBody::Of({.headers = std::move(headers)});
  if (!body.ok()) return body;
  absl::Status status = body->Limit(kMax, ", as the test has it");
  if (!status.ok()) return status;
  return body;
}

HttpBody Chunked() { return *Of({{"transfer-encoding", "Chunked"}}); }

// Gives `text` in pieces of `size`.
absl::Status TakeAll(HttpBody& body, const std::string& text, size_t size,
                     std::string& input) {
  for (size_t at = 0; at < text.size(); at += size) {
    input += text.substr(at, size);
    absl::Status status = body.Take(input);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

TEST(HttpBodyTest, TakesWhatItsLengthSays) {
  for (size_t size = 1; size < 10; ++size) {
    HttpBody body = *Of({{"content-length", "5"}});
    std::string input;
    EXPECT_TRUE(TakeAll(body, "hellomore", size, input).ok());
    EXPECT_TRUE(body.done());
    EXPECT_EQ(body.bytes(), "hello");
    EXPECT_EQ(input, "more");
  }
}

TEST(HttpBodyTest, TakesChunks) {
  const std::string text =
      "5;a=b\r\nhello\r\n00A\r\n, there it\r\n0\r\nT: x\r\n\r\nmore";
  for (size_t size = 1; size < text.size(); ++size) {
    HttpBody body = Chunked();
    std::string input;
    const absl::Status status = TakeAll(body, text, size, input);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_TRUE(body.done());
    EXPECT_EQ(body.bytes(), "hello, there it");
    EXPECT_EQ(input, "more");
  }
}

TEST(HttpBodyTest, ThereIsNoneWithoutALength) {
  EXPECT_TRUE(Of({})->done());
  EXPECT_TRUE(Of({{"content-length", "0"}})->done());
}

TEST(HttpBodyTest, RefusesWhatHasTwoEndsOrNone) {
  for (const Headers& headers : {
           Headers{{"content-length", "5"}, {"transfer-encoding", "chunked"}},
           Headers{{"transfer-encoding", "gzip, chunked"}},
           Headers{{"content-length", "-1"}},
           Headers{{"content-length", "+5"}},
           Headers{{"content-length", "5, 5"}},
           Headers{{"content-length", ""}},
       }) {
    EXPECT_EQ(Of(headers).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(HttpBodyTest, TakesNoChunksOfHttp10) {
  HttpRequest request = {.headers = {{"transfer-encoding", "chunked"}},
                         .is_http_1_0 = true};
  EXPECT_EQ(HttpBody::Of(request).status().code(),
            absl::StatusCode::kInvalidArgument);
  request.headers = {{"content-length", "5"}};
  EXPECT_TRUE(HttpBody::Of(request).ok());
}

TEST(HttpBodyTest, RefusesMalformedChunks) {
  for (const std::string& text :
       {std::string("x\r\n"), std::string("\r\n"), std::string("-1\r\n"),
        std::string("0x5\r\n"), std::string("123456789\r\n"),
        std::string("1\r\nab\r\n"), std::string(300, '1'),
        "0\r\n" + std::string(5000, 'x'),
        // What others may take for a line's end, or not.
        std::string("1\na\r\n"), std::string("1\r\na\n"),
        std::string("1;\na\r\n"), std::string("1;a\rb\r\n"),
        std::string("0\r\nT: x\n\r\n"), std::string("0\r\n\n"),
        std::string("1\r\r\na\r\n")}) {
    HttpBody body = Chunked();
    std::string input = text;
    EXPECT_EQ(body.Take(input).code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(HttpBodyTest, IsBounded) {
  EXPECT_TRUE(Of({{"content-length", "100"}}).ok());
  for (const char* length : {"101", "99999999999999999999999"}) {
    EXPECT_EQ(Of({{"content-length", length}}).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
  HttpBody body = Chunked();
  std::string input = "64\r\n" + std::string(100, 'x') + "\r\n";
  EXPECT_TRUE(body.Take(input).ok());
  input = "1\r\n";
  const absl::Status status = body.Take(input);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(),
            "the body is longer than 100 bytes, as the test has it");
}

}  // namespace
}  // namespace tcptool::server
