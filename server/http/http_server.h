// A small HTTP server for the pages of operators and their tools. The library
// behind it is civetweb, which prometheus-cpp has for its own exposer.
#ifndef TCPTOOL_SERVER_HTTP_HTTP_SERVER_H_
#define TCPTOOL_SERVER_HTTP_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct mg_connection;
struct mg_context;

namespace tcptool::server {

struct HttpRequest {
  std::string path;   // Decoded, without "." and ".."; begins with '/'.
  std::string query;  // As sent, without the '?'.

  // The decoded value of a parameter of the query; empty if there is none.
  std::string Parameter(const std::string& name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Answers GET and HEAD, each on a connection of its own. Whatever peers do, it
// has kThreads threads, holds kQueue connections more, and lets the kernel hold
// the rest; a request is at most kMaxRequestBytes, and has to be there within
// kTimeoutSeconds.
class HttpServer {
 public:
  static constexpr int kThreads = 32;
  static constexpr int kQueue = 32;
  static constexpr int kMaxRequestBytes = 16'384;
  static constexpr int kTimeoutSeconds = 5;

  // Called on the server's threads, several at a time.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  // Listens on "127.0.0.1:9874" or "[::1]:9874"; port 0 picks a free one.
  // UNAVAILABLE names the address and says why it cannot.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const std::string& address, Handler handler);
  // Ends the requests that are being read; waits for the handler.
  ~HttpServer();

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // With the port that it really listens on.
  const std::string& address() const { return address_; }

 private:
  explicit HttpServer(Handler handler) : handler_(std::move(handler)) {}

  static int OnRequest(mg_connection* connection);
  HttpResponse Answer(const mg_connection* connection) const;

  const Handler handler_;
  std::string address_;
  mg_context* context_ = nullptr;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_SERVER_H_
