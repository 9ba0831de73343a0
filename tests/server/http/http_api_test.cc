// Calls of an API on the HTTP server: bodies, parts, and clients that go.
#include <gtest/gtest.h>

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <future>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/http/api_calls.h"

namespace tcptool::server {
namespace {

using asio::ip::tcp;

TEST_F(HttpApiTest, AnswersOneCallAfterTheOtherOnAConnection) {
  Start();
  tcp::socket socket = Connect();
  for (size_t i = 0; i < 3; ++i) {
    Send(socket, PostBody(absl::StrCat("body ", i)));
    const auto call = api_.Begun(i);
    EXPECT_EQ(call->body_, absl::StrCat("body ", i));
    call->send_(Whole(absl::StrCat("answer ", i)));
    const std::string head = ReadUntil(socket, "\r\n\r\n");
    EXPECT_EQ(head.rfind("HTTP/1.1 200 OK\r\n", 0), 0) << head;
    EXPECT_EQ(head.find("Connection: close"), std::string::npos) << head;
    ReadUntil(socket, absl::StrCat("answer ", i));
  }
}

TEST_F(HttpApiTest, TakesTheNextRequestThatCameTooEarly) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, PostBody("one") + PostBody("two"));
  api_.Begun(0)->send_(Whole("first"));
  ReadUntil(socket, "first");
  EXPECT_EQ(api_.Begun(1)->body_, "two");
}

TEST_F(HttpApiTest, SendsPartsInChunks) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, PostBody("x"));
  const auto call = api_.Begun(0);
  call->send_({.head = HttpResponse{}, .bytes = "0123456789abcdef"});
  api_.Wait([&] { return call->taken_ == 1; });
  call->send_({.bytes = "end", .is_last = true});
  const std::string head = ReadUntil(socket, "\r\n\r\n");
  EXPECT_NE(head.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(ReadUntil(socket, "\r\n0\r\n\r\n"),
            "10\r\n0123456789abcdef\r\n3\r\nend\r\n0\r\n\r\n");
  // And goes on.
  Send(socket, PostBody("y"));
  EXPECT_EQ(api_.Begun(1)->body_, "y");
}

// Which knows neither chunks nor 100 Continue, and takes the end of the
// connection for the end of the answer.
TEST_F(HttpApiTest, SendsPartsOfHttp10AsTheyAre) {
  Start();
  tcp::socket socket = Connect();
  Send(socket,
       "POST /api HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: "
       "1\r\n\r\n");
  Send(socket, "x");
  const auto call = api_.Begun(0);
  call->send_({.head = HttpResponse{}, .bytes = "part "});
  api_.Wait([&] { return call->taken_ == 1; });
  call->send_({.bytes = "end", .is_last = true});
  const std::string response = ReadToEnd(socket);
  EXPECT_EQ(response.rfind("HTTP/1.1 200 OK\r\n", 0), 0) << response;
  EXPECT_EQ(response.find("Transfer-Encoding"), std::string::npos) << response;
  EXPECT_EQ(response.substr(response.find("\r\n\r\n")), "\r\n\r\npart end");
}

TEST_F(HttpApiTest, ClientsOfHttp10MayEndTheirSideBehindTheRequest) {
  Start();
  const std::string request = "POST /api HTTP/1.0\r\n\r\n";
  tcp::socket socket = Connect();
  Send(socket, request);
  socket.shutdown(tcp::socket::shutdown_send);
  const auto call = api_.Begun(0);
  call->send_({.head = HttpResponse{}, .bytes = "part "});
  api_.Wait([&] { return call->taken_ == 1; });
  call->send_({.bytes = "end", .is_last = true});
  const std::string response = ReadToEnd(socket);
  EXPECT_EQ(response.substr(response.find("\r\n\r\n")), "\r\n\r\npart end");
  // And whoever is lost then is missed.
  tcp::socket lost = Connect();
  Send(lost, request);
  lost.shutdown(tcp::socket::shutdown_send);
  const auto other = api_.Begun(1);
  lost.set_option(asio::socket_base::linger(true, 0));
  lost.close();
  api_.Wait([&] { return other->is_cancelled_; });
}

TEST_F(HttpApiTest, AnswersHeadWithoutABody) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, "HEAD /api HTTP/1.1\r\nHost: a\r\nRefuse: 1\r\n\r\n");
  const std::string response = ReadToEnd(socket);
  EXPECT_EQ(response.rfind("HTTP/1.1 401 ", 0), 0) << response;
  EXPECT_NE(response.find("\r\nContent-Length: 2\r\n"), std::string::npos);
  EXPECT_EQ(response.find("\r\n\r\n") + 4, response.size()) << response;
}

TEST_F(HttpApiTest, CancelsWhatAClientAbandons) {
  Start();
  for (size_t i = 0; i < 10; ++i) {
    tcp::socket socket = Connect();
    Send(socket, PostBody("x"));
    const auto call = api_.Begun(i);
    if (i % 2 == 0) {
      call->send_({.head = HttpResponse{}, .bytes = "part"});
      api_.Wait([&] { return call->taken_ == 1; });
    }
    socket.close();
    api_.Wait([&] { return call->is_cancelled_; });
  }
}

TEST_F(HttpApiTest, TakesBodiesInChunksAndAfterAContinue) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, Post("Transfer-Encoding: chunked\r\n"
                    "Expect: 100-continue\r\n"));
  ReadUntil(socket, "HTTP/1.1 100 Continue\r\n\r\n");
  Send(socket, "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
  EXPECT_EQ(api_.Begun(0)->body_, "abc");
}

TEST_F(HttpApiTest, RefusesRequestsWhoseEndIsTwofold) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, Post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                    "0\r\n\r\n"));
  EXPECT_EQ(ReadToEnd(socket).rfind("HTTP/1.1 400 ", 0), 0);
}

TEST_F(HttpApiTest, WaitsUntilAnswersAreTaken) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, PostBody("x"));
  const auto call = api_.Begun(0);
  const auto stopped = std::async(std::launch::async, [this] {
    server_->WaitUntilAnswered(std::chrono::minutes(5));
    server_ = nullptr;
  });
  // More than the kernel holds for a connection.
  const std::string much(32 << 20, 'x');
  call->send_(Whole(much));
  const std::string response = ReadToEnd(socket);
  ASSERT_GT(response.size(), much.size());
  EXPECT_TRUE(response.substr(response.size() - much.size()) == much);
}

TEST_F(HttpApiTest, WaitsForAnswersNoLongerThanItShall) {
  Start();
  server_->WaitUntilAnswered(std::chrono::minutes(5));  // There is none.
  tcp::socket socket = Connect();
  Send(socket, PostBody("x"));
  api_.Begun(0);
  server_->WaitUntilAnswered(std::chrono::milliseconds(1));
}

TEST_F(HttpApiTest, EndsWithCallsThatGoOn) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, PostBody("x"));
  const auto call = api_.Begun(0);
  server_ = nullptr;
  EXPECT_TRUE(call->is_cancelled_);
  // Nobody is there to take it.
  call->send_(Whole("late"));
  EXPECT_EQ(ReadToEnd(socket), "");
}

}  // namespace
}  // namespace tcptool::server
