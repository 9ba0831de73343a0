#include "server/http/http_server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/write.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/server/http/clients.h"

namespace tcptool::server {
namespace {

using asio::ip::tcp;

constexpr char kRequest[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

// Answers at once what `answer` says.
HttpHandler Answering(std::function<HttpResponse(const HttpRequest&)> answer) {
  return [answer = std::move(answer)](const HttpRequest& request,
                                      const HttpRespond& respond) {
    respond([response = answer(request)] { return response; });
  };
}

class HttpServerTest : public testing::Test {
 protected:
  void Start(HttpLimits limits,
             HttpHandler handler = Answering([](const auto&) {
               return HttpResponse{.body = "yes"};
             })) {
    auto server = HttpServer::Start("127.0.0.1:0", std::move(handler), limits);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  tcp::socket Connect() { return ConnectTo(*server_, context_); }

  std::string Get() {
    tcp::socket socket = Connect();
    std::error_code ignored;
    asio::write(socket, asio::buffer(std::string(kRequest)), ignored);
    return ReadToEnd(socket);
  }

  asio::io_context context_;
  std::unique_ptr<HttpServer> server_;
};

bool IsOk(const std::string& response) {
  return response.rfind("HTTP/1.1 200 ", 0) == 0;
}

TEST_F(HttpServerTest, TakesAQuarterOfTheReserveOfDescriptors) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // A reserve of 16, of which HTTP has 4.
  const rlimit few = {.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  HttpLimits limits = PatientLimits();
  limits.max_connections = 256;
  Start(limits);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  std::deque<tcp::socket> idle;
  for (int i = 0; i < 4; ++i) idle.push_back(Connect());
  // Those before this one have been accepted by now.
  EXPECT_TRUE(IsOk(Get()));
  // The oldest has made room, and was reset.
  char byte = 0;
  std::error_code end;
  idle.front().non_blocking(true);
  idle.front().read_some(asio::buffer(&byte, 1), end);
  EXPECT_EQ(end, asio::error::connection_reset);
}

TEST_F(HttpServerTest, AnswersHoweverManySaySoLittle) {
  Start(PatientLimits());
  std::deque<tcp::socket> idle;
  for (int i = 0; i < 100; ++i) {
    idle.push_back(Connect());
    if (i % 2 == 0) {
      asio::write(idle.back(), asio::buffer(std::string("GET /a HT")));
    }
    EXPECT_TRUE(IsOk(Get()));
  }
  // The oldest made room.
  EXPECT_EQ(ReadToEnd(idle.front()), "");
}

TEST_F(HttpServerTest, AnswersHoweverManyDoNotReadTheirs) {
  // More than the kernel holds for a connection.
  const std::string much(16 << 20, 'x');
  Start(PatientLimits(), Answering([&much](const HttpRequest& request) {
          return HttpResponse{.body = request.path == "/much" ? much : "yes"};
        }));
  std::deque<tcp::socket> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(Connect());
    asio::write(
        slow.back(),
        asio::buffer(std::string("GET /much HTTP/1.1\r\nHost: a\r\n\r\n")));
    EXPECT_TRUE(IsOk(Get()));
  }
}

TEST_F(HttpServerTest, EndsRequestsThatDoNotCome) {
  HttpLimits limits = PatientLimits();
  limits.request_time = std::chrono::milliseconds(50);
  Start(limits);
  tcp::socket silent = Connect();
  EXPECT_EQ(ReadToEnd(silent), "");
}

TEST_F(HttpServerTest, EndsResponsesThatNobodyReads) {
  HttpLimits limits = PatientLimits();
  limits.response_time = std::chrono::milliseconds(50);
  std::string much(16 << 20, 'x');
  Start(limits, Answering([&much](const HttpRequest&) {
          return HttpResponse{.body = much};
        }));
  tcp::socket slow = Connect();
  asio::write(slow, asio::buffer(std::string(kRequest)));
  // Reading would make room. A reset is seen without.
  slow.wait(tcp::socket::wait_error);
  EXPECT_LT(ReadToEnd(slow).size(), much.size());
}

TEST_F(HttpServerTest, RefusesLargeRequests) {
  Start(PatientLimits());
  // Also one that comes with its end.
  for (const std::string end : {"", "\r\n\r\n"}) {
    tcp::socket socket = Connect();
    std::error_code ignored;
    asio::write(socket,
                asio::buffer(absl::StrCat(
                    "GET / HTTP/1.1\r\nX: ", std::string(20'000, 'x'), end)),
                ignored);
    EXPECT_EQ(ReadToEnd(socket).rfind("HTTP/1.1 431 ", 0), 0);
  }
}

TEST_F(HttpServerTest, AnswersToThoseWhoSendABody) {
  Start(PatientLimits());
  tcp::socket socket = Connect();
  asio::write(socket,
              asio::buffer(std::string("POST / HTTP/1.1\r\nHost: a\r\n"
                                       "Content-Length: 1000000\r\n\r\nbody")));
  EXPECT_EQ(ReadToEnd(socket).rfind("HTTP/1.1 405 ", 0), 0);
}

// Keeps what answers a request to /later.
class LaterAnswers {
 public:
  HttpHandler Handler() {
    return [this](const HttpRequest& request, HttpRespond respond) {
      if (request.path != "/later") {
        return respond([] { return HttpResponse{.body = "yes"}; });
      }
      const std::lock_guard lock(mutex_);
      responds_.push(std::move(respond));
      asked_.notify_all();
    };
  }
  // Waits until there is one.
  HttpRespond Take() {
    std::unique_lock lock(mutex_);
    asked_.wait(lock, [this] { return !responds_.empty(); });
    HttpRespond respond = std::move(responds_.front());
    responds_.pop();
    return respond;
  }

 private:
  std::mutex mutex_;
  std::condition_variable asked_;
  std::queue<HttpRespond> responds_;
};

class LaterAnswersTest : public HttpServerTest {
 protected:
  // The server goes before what it calls.
  ~LaterAnswersTest() override { server_.reset(); }

  LaterAnswers later_;
};

constexpr char kLater[] = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(LaterAnswersTest, TakesAnswersLaterAndFromOtherThreads) {
  Start(PatientLimits(), later_.Handler());
  tcp::socket socket = Connect();
  asio::write(socket, asio::buffer(std::string(kLater)));
  const HttpRespond respond = later_.Take();
  // Others have theirs meanwhile.
  EXPECT_TRUE(IsOk(Get()));
  std::promise<std::thread::id> made_on;
  respond([&made_on] {
    made_on.set_value(std::this_thread::get_id());
    return HttpResponse{.body = "late"};
  });
  const std::string response = ReadToEnd(socket);
  EXPECT_TRUE(IsOk(response));
  EXPECT_EQ(response.substr(response.size() - 4), "late");
  EXPECT_NE(made_on.get_future().get(), std::this_thread::get_id());
}

TEST_F(LaterAnswersTest, MakesNoAnswerForThoseWhoAreGone) {
  Start(PatientLimits(), later_.Handler());
  tcp::socket socket = Connect();
  asio::write(socket, asio::buffer(std::string(kLater)));
  const HttpRespond respond = later_.Take();
  // Four others make the oldest go.
  std::deque<tcp::socket> idle;
  for (int i = 0; i < 4; ++i) idle.push_back(Connect());
  EXPECT_EQ(ReadToEnd(socket), "");
  auto kept = std::make_shared<int>(0);
  const std::weak_ptr<int> dropped = kept;
  respond([kept = std::move(kept)] {
    ADD_FAILURE() << "it is made";
    return HttpResponse();
  });
  // It was answered on the same thread, later.
  EXPECT_TRUE(IsOk(Get()));
  EXPECT_TRUE(dropped.expired());
}

TEST_F(LaterAnswersTest, TakesNoAnswerWhenItIsGone) {
  Start(PatientLimits(), later_.Handler());
  tcp::socket socket = Connect();
  asio::write(socket, asio::buffer(std::string(kLater)));
  const HttpRespond respond = later_.Take();
  server_.reset();
  respond([] {
    ADD_FAILURE() << "it is made";
    return HttpResponse();
  });
  EXPECT_EQ(ReadToEnd(socket), "");
}

TEST_F(LaterAnswersTest, AnswersThatDoNotComeEndWithTheirTime) {
  HttpLimits limits = PatientLimits();
  limits.response_time = std::chrono::milliseconds(50);
  Start(limits, later_.Handler());
  tcp::socket socket = Connect();
  asio::write(socket, asio::buffer(std::string(kLater)));
  EXPECT_EQ(ReadToEnd(socket), "");
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  Start(PatientLimits());
  const auto second = HttpServer::Start(
      server_->address(),
      Answering([](const HttpRequest&) { return HttpResponse(); }));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(second.status().message().find("in use"), std::string::npos)
      << second.status();
}

}  // namespace
}  // namespace tcptool::server
