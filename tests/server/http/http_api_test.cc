// Calls of an API on the HTTP server: bodies, parts, and clients that go, or do
// not read.
#include "server/http/http_api.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/http/http_server.h"
#include "tests/server/http/clients.h"

namespace tcptool::server {
namespace {

using asio::ip::tcp;

constexpr size_t kMaxBody = 1 << 20;

// What the tests do with its calls.
class FakeApi : public HttpApi {
 public:
  class FakeCall : public Call {
   public:
    FakeCall(FakeApi& api, Role required, Send send)
        : api_(api), required_(required), send_(std::move(send)) {}

    Role required() const override { return required_; }
    void Begin(std::shared_ptr<const std::string> body) override {
      api_.Change([&] {
        body_ = *body;
        if (api_.keeps_bodies_) kept_ = std::move(body);
        has_begun_ = true;
      });
    }
    HttpResponse Refuse(const absl::Status& status) const override {
      return {.status = 429, .body = std::string(status.message())};
    }
    void OnTaken() override {
      api_.Change([&] { ++taken_; });
    }
    void Cancel() override {
      api_.Change([&] { is_cancelled_ = true; });
    }

    FakeApi& api_;
    const Role required_;
    const Send send_;
    std::string body_;
    std::shared_ptr<const std::string> kept_;  // As if it were not parsed.
    bool has_begun_ = false;
    int taken_ = 0;
    bool is_cancelled_ = false;
  };

  bool Has(absl::string_view path) const override { return path == "/api"; }
  Opened Open(const HttpRequest& request, const Peer&, bool,
              Send send) override {
    if (request.Header("refuse") != nullptr) {
      return HttpResponse{.status = 401, .body = "no"};
    }
    const std::string* const role = request.Header("required");
    auto call = std::make_shared<FakeCall>(
        *this,
        role == nullptr ? Role::kOperator
                        : ParseRole(*role).value_or(Role::kNone),
        std::move(send));
    Change([&] { calls_.push_back(call); });
    return call;
  }
  size_t max_body_bytes() const override { return kMaxBody; }

  void Change(const std::function<void()>& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  // Waits until `holds`, under the lock.
  void Wait(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, holds);
  }
  // The call that was opened as number `i`, once its body has come.
  std::shared_ptr<FakeCall> Begun(size_t i) {
    Wait([&] { return calls_.size() > i && calls_[i]->has_begun_; });
    return calls_[i];
  }

  bool keeps_bodies_ = false;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<FakeCall>> calls_;
};

HttpPart Whole(std::string bytes) {
  return {.head = HttpResponse{}, .bytes = std::move(bytes), .is_last = true};
}

class HttpApiTest : public testing::Test {
 protected:
  ~HttpApiTest() override { server_ = nullptr; }

  void Start(HttpLimits limits = PatientLimits()) {
    server_ = *HttpServer::Start(
        "127.0.0.1:0",
        [](const HttpRequest&, const HttpRespond& respond) {
          respond([] { return HttpResponse{.body = "page"}; });
        },
        limits, {.api = &api_});
  }

  tcp::socket Connect() { return ConnectTo(*server_, context_); }
  static void Send(tcp::socket& socket, const std::string& text) {
    asio::write(socket, asio::buffer(text));
  }
  static std::string Post(const std::string& headers,
                          const std::string& body = "") {
    return absl::StrCat("POST /api HTTP/1.1\r\nHost: a\r\n", headers, "\r\n",
                        body);
  }
  static std::string PostBody(const std::string& body) {
    return Post(absl::StrCat("Content-Length: ", body.size(), "\r\n"), body);
  }
  // Up to `end`, and with it.
  std::string ReadUntil(tcp::socket& socket, const std::string& end) {
    const size_t size =
        asio::read_until(socket, asio::dynamic_buffer(input_), end);
    const std::string text = input_.substr(0, size);
    input_.erase(0, size);
    return text;
  }
  std::string GetPage() {
    tcp::socket socket = Connect();
    Send(socket, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    return ReadToEnd(socket);
  }

  FakeApi api_;
  asio::io_context context_;
  std::string input_;
  std::unique_ptr<HttpServer> server_;
};

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

TEST_F(HttpApiTest, CancelsWhatAClientDoesNotRead) {
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

TEST_F(HttpApiTest, WhatIsUnreadForTheLongestMakesRoom) {
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

TEST_F(HttpApiTest, TakesBodiesInChunksAndAfterAContinue) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, Post("Transfer-Encoding: chunked\r\n"
                    "Expect: 100-continue\r\n"));
  ReadUntil(socket, "HTTP/1.1 100 Continue\r\n\r\n");
  Send(socket, "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
  EXPECT_EQ(api_.Begun(0)->body_, "abc");
}

TEST_F(HttpApiTest, RefusesBodiesThatAreTooLong) {
  Start();
  for (const std::string& request :
       {Post(absl::StrCat("Content-Length: ", kMaxBody + 1, "\r\n"), "x"),
        Post("Transfer-Encoding: chunked\r\n", "FFFFFFF\r\nx")}) {
    tcp::socket socket = Connect();
    Send(socket, request);
    const std::string response = ReadToEnd(socket);
    EXPECT_EQ(response.rfind("HTTP/1.1 429 ", 0), 0) << response;
    EXPECT_NE(response.find("--max-message-bytes"), std::string::npos);
  }
}

TEST_F(HttpApiTest, CallsOfViewersHaveShortBodies) {
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

TEST_F(HttpApiTest, CallsOfViewersLeaveSomeToOperators) {
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

TEST_F(HttpApiTest, CallsOfStrangersMakeRoom) {
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

TEST_F(HttpApiTest, BoundsTheBodiesThatAreComing) {
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

TEST_F(HttpApiTest, BodiesCountUntilTheyAreParsed) {
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

TEST_F(HttpApiTest, RefusesRequestsWhoseEndIsTwofold) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, Post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                    "0\r\n\r\n"));
  EXPECT_EQ(ReadToEnd(socket).rfind("HTTP/1.1 400 ", 0), 0);
}

TEST_F(HttpApiTest, ReadsNoBodyOfWhoMayNotCall) {
  Start();
  tcp::socket socket = Connect();
  Send(socket, Post("Content-Length: 1000000\r\nRefuse: 1\r\n", "x"));
  EXPECT_EQ(ReadToEnd(socket).rfind("HTTP/1.1 401 ", 0), 0);
}

TEST_F(HttpApiTest, CallsMakeNoRoomForStrangersAndLeaveThemSome) {
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
