// A small HTTP server for the pages of operators and their tools. One thread
// serves all connections, so that slow and idle ones cost no thread each.
#ifndef TCPTOOL_SERVER_HTTP_HTTP_SERVER_H_
#define TCPTOOL_SERVER_HTTP_HTTP_SERVER_H_

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/http/http_api.h"
#include "server/http/http_connection.h"
#include "server/security/tls.h"

namespace tcptool::server {

// What else it serves, which outlives it.
struct HttpServed {
  HttpApi* api = nullptr;           // Null: none.
  const TlsContext* tls = nullptr;  // Null: clear text alone.
};

// Answers each request for a page on a connection of its own, on one thread. A
// connection beyond HttpLimits::max_connections, or one that comes when the
// process has no descriptor left, replaces the oldest one that has no call of
// the API whose caller was let in. So a client that sends its request
// and reads at once is never kept out by idle ones.
class HttpServer {
 public:
  // Listens on "127.0.0.1:9874" or "[::1]:9874"; port 0 picks a free one;
  // "[::]" takes IPv4 too. `handler` is called on the server's thread, and
  // waits for nothing; its answers may come on any thread, also when the server
  // is gone. UNAVAILABLE names the address and says why it cannot
  // listen.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const std::string& address, HttpHandler handler, HttpLimits limits = {},
      HttpServed served = {});
  // Ends all connections; waits for the handler, not for answers to come.
  ~HttpServer();

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Waits until no call of the API is unanswered, `limit` at most. To be called
  // once, when all of them are about to end.
  void WaitUntilAnswered(std::chrono::milliseconds limit);

  // With the port that it really listens on.
  const std::string& address() const { return address_; }

 private:
  HttpServer(HttpHandler handler, HttpLimits limits, HttpServed served);

  absl::Status Listen(const std::string& address);
  void Accept();
  void Serve(asio::ip::tcp::socket socket);
  void CloseOldest();

  const HttpLimits limits_;
  // Whoever gives an answer at the moment of the end has it for so long.
  const std::shared_ptr<asio::io_context> context_ =
      std::make_shared<asio::io_context>(1);
  const HttpHandler handler_;
  const TlsContext* const tls_;
  HttpApiShare share_;
  asio::ip::tcp::acceptor acceptor_{*context_};
  asio::steady_timer retry_{*context_};
  std::list<std::shared_ptr<HttpConnection>> connections_;  // Oldest first.
  std::string address_;
  std::thread thread_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_SERVER_H_
