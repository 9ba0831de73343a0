#include "server/http/http_message.h"

#include <gtest/gtest.h>

namespace tcptool::server {
namespace {

using absl::string_view;

TEST(HeadSizeTest, FindsTheEmptyLine) {
  EXPECT_EQ(HeadSize("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody"), 27);
  EXPECT_EQ(HeadSize("GET / HTTP/1.0\n\n"), 16);
  EXPECT_EQ(HeadSize("\r\n\r\n"), 2);
  EXPECT_EQ(HeadSize("GET / HTTP/1.1\r\nHost: a\r\n"), std::nullopt);
  EXPECT_EQ(HeadSize(""), std::nullopt);
}

TEST(ParseHeadTest, ReadsARequest) {
  const auto request = ParseHead(
      "GET /sessions/a%2Fb?page=c%3D%3D&x=y+z HTTP/1.1\r\n"
      "Host:  node-1:9874 \r\nAccept: */*\r\n\r\n");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->method, "GET");
  EXPECT_EQ(request->path, "/sessions/a/b");
  EXPECT_EQ(request->host, "node-1:9874");
  EXPECT_EQ(request->Parameter("page"), "c==");
  EXPECT_EQ(request->Parameter("x"), "y z");
  EXPECT_EQ(request->Parameter("none"), "");
}

TEST(ParseHeadTest, TakesLinesWithoutCarriageReturnsAndRequestsWithoutHost) {
  const auto request = ParseHead("HEAD /healthz HTTP/1.0\n\n");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->method, "HEAD");
  EXPECT_EQ(request->host, std::nullopt);
}

TEST(ParseHeadTest, KeepsHeaders) {
  const auto request = ParseHead(
      "POST / HTTP/1.1\r\nContent-TYPE:  Application/JSON \r\n"
      "X: 1\r\nX: 2\r\nEmpty:\r\n\r\n");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(*request->Header("content-type"), "Application/JSON");
  EXPECT_EQ(*request->Header("x"), "1");
  EXPECT_EQ(*request->Header("empty"), "");
  EXPECT_EQ(request->Header("host"), nullptr);
}

TEST(ParseHeadTest, KnowsWhetherAnotherRequestMayCome) {
  EXPECT_TRUE(ParseHead("GET / HTTP/1.1\r\n\r\n")->keeps_alive);
  EXPECT_FALSE(ParseHead("GET / HTTP/1.1\r\n\r\n")->is_http_1_0);
  const auto old =
      ParseHead("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_FALSE(old->keeps_alive);
  EXPECT_TRUE(old->is_http_1_0);
  EXPECT_FALSE(
      ParseHead("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n")->keeps_alive);
}

TEST(SerializeHeadTest, TellsHowTheBodyComes) {
  const HttpResponse response = {.status = 401,
                                 .content_type = "application/json",
                                 .headers = {{"A", "b"}}};
  const std::string whole =
      SerializeHead(response, {.length = 7, .keeps_alive = true});
  EXPECT_EQ(whole.rfind("HTTP/1.1 401 Unauthorized\r\n", 0), 0) << whole;
  EXPECT_NE(whole.find("\r\nA: b\r\n"), std::string::npos);
  EXPECT_NE(whole.find("\r\nContent-Length: 7\r\n"), std::string::npos);
  EXPECT_EQ(whole.find("Connection: close"), std::string::npos);
  const std::string chunked = SerializeHead(response, {.is_chunked = true});
  EXPECT_NE(chunked.find("\r\nTransfer-Encoding: chunked\r\n"),
            std::string::npos);
  EXPECT_EQ(chunked.find("Content-Length"), std::string::npos);
  EXPECT_NE(chunked.find("\r\nConnection: close\r\n"), std::string::npos);
  const std::string endless = SerializeHead(response, {});
  EXPECT_EQ(endless.find("Transfer-Encoding"), std::string::npos);
  EXPECT_EQ(endless.find("Content-Length"), std::string::npos);
  EXPECT_NE(endless.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_TRUE(HeadSize(endless) == endless.size()) << endless;
  // It has no body.
  const std::string empty =
      SerializeHead({.status = 204}, {.length = 0, .keeps_alive = true});
  EXPECT_EQ(empty.find("\r\nContent-Type"), std::string::npos);
  EXPECT_EQ(empty.find("\r\nContent-Length"), std::string::npos);
}

TEST(ParseHeadTest, RefusesWhatIsMalformed) {
  for (const string_view head : {
           string_view("\r\n"),
           string_view("GET\r\n\r\n"),
           string_view("GET / HTTP/2\r\n\r\n"),
           string_view("GET  / HTTP/1.1\r\n\r\n"),
           string_view("GET / HTTP/1.1 \r\n\r\n"),
           string_view("GET http://a/ HTTP/1.1\r\n\r\n"),
           string_view("GET /%zz HTTP/1.1\r\n\r\n"),
           string_view("GET /% HTTP/1.1\r\n\r\n"),
           string_view("G(T / HTTP/1.1\r\n\r\n"),
           string_view("GET / HTTP/1.1\r\nno header\r\n\r\n"),
           string_view("GET / HTTP/1.1\r\n folded: a\r\n\r\n"),
           string_view("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
           string_view("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"),
           string_view("GET / HTTP/1.1\r\nOrigin: a\r\norigin: a\r\n\r\n"),
           string_view("POST / HTTP/1.1\r\nContent-Length: 1\r\n"
                       "content-length: 1\r\n\r\n"),
           string_view("POST / HTTP/1.1\r\nAuthorization: a\r\n"
                       "authorization: b\r\n\r\n"),
           string_view("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n"),
           string_view("GET / HTTP/1.1\r\nX: \x01\r\n\r\n"),
           string_view("GET /\0 HTTP/1.1\r\n\r\n", 19),
           string_view("GET / HTTP/1.1\r\nX: a"),
       }) {
    EXPECT_FALSE(ParseHead(head).ok()) << head;
  }
}

TEST(SerializeTest, GivesHeadTheHeadersAlone) {
  const HttpResponse response{.status = 404, .body = "none"};
  const std::string whole = Serialize(response, /*head_only=*/false);
  const std::string head = Serialize(response, /*head_only=*/true);
  EXPECT_EQ(whole, head + "none");
  EXPECT_EQ(head.rfind("HTTP/1.1 404 Not Found\r\n", 0), 0);
  EXPECT_NE(head.find("\r\nContent-Length: 4\r\n"), std::string::npos);
}

}  // namespace
}  // namespace tcptool::server
