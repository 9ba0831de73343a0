// What calls of an API may cost the HTTP server: those of operators, of viewers
// and of strangers.
#include <gtest/gtest.h>

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <deque>
#include <future>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/http/api_calls.h"

namespace tcptool::server {
namespace {

using asio::ip::tcp;
using HttpApiBoundsTest = HttpApiTest;

TEST_F(HttpApiBoundsTest, CancelsWhatAClientDoesNotRead) {
  HttpLimits limits = PatientLimits();
  limits.take_time = std::chrono::milliseconds(50);
  Start(limits);
  tcp::socket socket = Connect();
  Send(socket, PostBody("x"));
  const auto call = api_.Begun(0);
  // More than the kernel holds for a connection.
  call->send_({.head = HttpResponse{}, .bytes = std::string(64 << 20, 'x')});
  api_.Wait([&] { return call->is_cancelled_; });
  EXPECT_EQ(call->taken_, 0);
}

TEST_F(HttpApiBoundsTest, FindsThatAClientIsGoneThatHasSentTooMuch) {
  HttpLimits limits = PatientLimits();
  limits.max_request_bytes = 100;
  Start(limits);
  tcp::socket socket = Connect();
  Send(socket, PostBody("x"));
  const auto call = api_.Begun(0);
  Send(socket, std::string(1 << 20, 'x'));
  socket.set_option(asio::socket_base::linger(true, 0));
  socket.close();
  api_.Wait([&] { return call->is_cancelled_; });
}

TEST_F(HttpApiBoundsTest, WhatIsUnreadForTheLongestMakesRoom) {
  // More than the kernel holds for a connection, and together too much.
  const std::string much(32 << 20, 'x');
  HttpLimits limits = PatientLimits();
  limits.max_unread_bytes = much.size() + (much.size() >> 1);
  Start(limits);
  tcp::socket slow = Connect();
  Send(slow, PostBody("x"));
  const auto first = api_.Begun(0);
  tcp::socket socket = Connect();
  Send(socket, PostBody("x"));
  const auto other = api_.Begun(1);
  first->send_({.head = HttpResponse{}, .bytes = much});
  other->send_({.head = HttpResponse{}, .bytes = much});
  api_.Wait([&] { return first->is_cancelled_; });
  EXPECT_GT(ReadUntil(socket, "x\r\n").size(), much.size());
  // What was taken counts no more.
  api_.Wait([&] { return other->taken_ == 1; });
  other->send_({.bytes = much, .is_last = true});
  EXPECT_GT(ReadUntil(socket, "\r\n0\r\n\r\n").size(), much.size());
}

TEST_F(HttpApiBoundsTest, RefusesBodiesThatAreTooLong) {
  Start();
  for (const std::string& request :
       {Post(absl::StrCat("Content-Length: ", FakeApi::kMaxBody + 1, "\r\n"),
             "x"),
        Post("Transfer-Encoding: chunked\r\n", "FFFFFFF\r\nx")}) {
    tcp::socket socket = Connect();
    Send(socket, request);
    const std::string response = ReadToEnd(socket);
    EXPECT_EQ(response.rfind("HTTP/1.1 429 ", 0), 0) << response;
    EXPECT_NE(response.find("--max-message-bytes"), std::string::npos);
  }
}

TEST_F(HttpApiBoundsTest, CallsOfViewersHaveShortBodies) {
  HttpLimits limits = PatientLimits();
  limits.max_viewer_body_bytes = 10;
  Start(limits);
  const auto post = [](const std::string& role, const std::string& body) {
    return Post(absl::StrCat("Required: ", role,
                             "\r\nContent-Length: ", body.size(), "\r\n"),
                body);
  };
  const std::string body(11, 'x');
  tcp::socket viewer = Connect();
  Send(viewer, post("viewer", body));
  const std::string response = ReadToEnd(viewer);
  EXPECT_EQ(response.rfind("HTTP/1.1 429 ", 0), 0) << response;
  EXPECT_NE(response.find("longer than 10 bytes"), std::string::npos);
  tcp::socket other = Connect();
  Send(other, post("viewer", body.substr(1)));
  EXPECT_EQ(api_.Begun(1)->body_.size(), 10);
  tcp::socket operators = Connect();
  Send(operators, post("operator", body));
  EXPECT_EQ(api_.Begun(2)->body_.size(), 11);
}

TEST_F(HttpApiBoundsTest, CallsOfViewersLeaveSomeToOperators) {
  HttpLimits limits = PatientLimits();
  limits.max_connections = 8;
  Start(limits);
  const std::string request = Post("Required: viewer\r\n");
  std::deque<tcp::socket> viewers;
  for (size_t i = 0; i < 3; ++i) {
    viewers.push_back(Connect());
    Send(viewers.back(), request);
    api_.Begun(i);
  }
  tcp::socket refused = Connect();
  Send(refused, request);
  EXPECT_EQ(ReadToEnd(refused).rfind("HTTP/1.1 429 ", 0), 0);
  // As the fifth that was opened.
  tcp::socket operators = Connect();
  Send(operators, PostBody("x"));
  EXPECT_EQ(api_.Begun(4)->body_, "x");
}

TEST_F(HttpApiBoundsTest, CallsOfStrangersMakeRoom) {
  HttpLimits limits = PatientLimits();
  limits.max_open_body_bytes = 2;
  Start(limits);
  tcp::socket longer = Connect();
  Send(longer, Post("Required: none\r\nContent-Length: 3\r\n", "xyz"));
  EXPECT_EQ(ReadToEnd(longer).rfind("HTTP/1.1 429 ", 0), 0);
  // As many as there are connections, and each has one to itself.
  tcp::socket answered = Connect();
  Send(answered, Post("Required: none\r\nContent-Length: 2\r\n", "xy"));
  api_.Begun(1)->send_(Whole("answer"));
  const std::string response = ReadToEnd(answered);
  EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos);
  tcp::socket waits = Connect();
  Send(waits, Post("Required: none\r\n"));
  const auto call = api_.Begun(2);
  std::deque<tcp::socket> others;
  for (size_t i = 0; i < limits.max_connections; ++i) {
    others.push_back(Connect());
    EXPECT_EQ(GetPage().rfind("HTTP/1.1 200 ", 0), 0);
  }
  api_.Wait([&] { return call->is_cancelled_; });
}

TEST_F(HttpApiBoundsTest, BoundsTheBodiesThatAreComing) {
  HttpLimits limits = PatientLimits();
  limits.max_body_bytes = 100;
  Start(limits);
  tcp::socket slow = Connect();
  tcp::socket other = Connect();
  const std::string part =
      Post("Content-Length: 1000\r\n", std::string(60, 'x'));
  Send(slow, part);
  Send(other, part);
  // The one whose part is read last is refused.
  std::promise<std::string> refused;
  for (tcp::socket* socket : {&slow, &other}) {
    socket->async_wait(tcp::socket::wait_read, [&, socket](std::error_code) {
      refused.set_value(ReadToEnd(*socket));
      context_.stop();
    });
  }
  context_.run();
  EXPECT_EQ(refused.get_future().get().rfind("HTTP/1.1 429 ", 0), 0);
}

TEST_F(HttpApiBoundsTest, BodiesCountUntilTheyAreParsed) {
  HttpLimits limits = PatientLimits();
  limits.max_body_bytes = 100;
  api_.keeps_bodies_ = true;
  Start(limits);
  const std::string request = PostBody(std::string(60, 'x'));
  tcp::socket first = Connect();
  Send(first, request);
  const auto call = api_.Begun(0);
  tcp::socket second = Connect();
  Send(second, request);
  EXPECT_EQ(ReadToEnd(second).rfind("HTTP/1.1 429 ", 0), 0);
  call->kept_ = nullptr;
  tcp::socket third = Connect();
  Send(third, request);
  // The second one was opened too.
  EXPECT_EQ(api_.Begun(2)->body_.size(), 60);
}

TEST_F(HttpApiBoundsTest, ReadsNoBodyOfWhoMayNotCall) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, Post("Content-Length: 1000000\r\nRefuse: 1\r\n", "x"));
  EXPECT_EQ(ReadToEnd(socket).rfind("HTTP/1.1 401 ", 0), 0);
}

TEST_F(HttpApiBoundsTest, CallsMakeNoRoomForStrangersAndLeaveThemSome) {
  Start();
  std::deque<tcp::socket> callers;
  for (size_t i = 0; i < 2; ++i) {
    callers.push_back(Connect());
    Send(callers.back(), PostBody("x"));
    api_.Begun(i);
  }
  // Half of the connections have calls: there are no more.
  tcp::socket third = Connect();
  Send(third, PostBody("x"));
  EXPECT_EQ(ReadUntil(third, "\r\n").rfind("HTTP/1.1 429 ", 0), 0);
  std::deque<tcp::socket> idle;
  for (int i = 0; i < 20; ++i) {
    idle.push_back(Connect());
    EXPECT_EQ(GetPage().rfind("HTTP/1.1 200 ", 0), 0);
  }
  // They go on.
  for (size_t i = 0; i < 2; ++i) {
    api_.Begun(i)->send_(Whole("answer"));
    ReadUntil(callers[i], "answer");
    input_.clear();
  }
}

}  // namespace
}  // namespace tcptool::server
