// What the tests of calls of an API on the HTTP server share: an API, and
// clients of it by plain sockets.
#ifndef TCPTOOL_TESTS_SERVER_HTTP_API_CALLS_H_
#define TCPTOOL_TESTS_SERVER_HTTP_API_CALLS_H_

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/http/http_api.h"
#include "server/http/http_server.h"
#include "server/security/role.h"
#include "tests/server/http/clients.h"

namespace tcptool::server {

// The tests do with its calls what they like. Headers of a request say what it
// needs (Required), and that it is to be refused (Refuse).
class FakeApi : public HttpApi {
 public:
  static constexpr size_t kMaxBody = 1 << 20;

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

inline HttpPart Whole(std::string bytes) {
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

  asio::ip::tcp::socket Connect() { return ConnectTo(*server_, context_); }
  static void Send(asio::ip::tcp::socket& socket, const std::string& text) {
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
  std::string ReadUntil(asio::ip::tcp::socket& socket, const std::string& end) {
    const size_t size =
        asio::read_until(socket, asio::dynamic_buffer(input_), end);
    const std::string text = input_.substr(0, size);
    input_.erase(0, size);
    return text;
  }
  std::string GetPage() {
    asio::ip::tcp::socket socket = Connect();
    Send(socket, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    return ReadToEnd(socket);
  }

  FakeApi api_;
  asio::io_context context_;
  std::string input_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_HTTP_API_CALLS_H_
