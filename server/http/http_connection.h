// One connection of the HTTP server: one request and one response.
#ifndef TCPTOOL_SERVER_HTTP_HTTP_CONNECTION_H_
#define TCPTOOL_SERVER_HTTP_HTTP_CONNECTION_H_

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "server/http/http_message.h"

namespace tcptool::server {

// Limits of what a peer can use.
struct HttpLimits {
  // A quarter of the reserve of descriptors (DescriptorReserve), if that is
  // less.
  size_t max_connections = 256;
  size_t max_request_bytes = 16'384;
  // From the connection to the end of the request's head.
  std::chrono::milliseconds request_time = std::chrono::seconds(5);
  // From the request until the client, having read the response, has closed its
  // end of the connection.
  std::chrono::milliseconds response_time = std::chrono::seconds(10);
};

// Answers GET and HEAD, at once or later. Not called for malformed requests.
using HttpHandler =
    std::function<void(const HttpRequest&, HttpRespond respond)>;

// Lives on its socket's executor, which has one thread. Keeps itself alive from
// Start() until it has ended.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  // `limits` and `handler` outlive it; `handler` has its answers given on the
  // executor. `ended` is called once, unless the executor goes away before.
  HttpConnection(asio::ip::tcp::socket socket, const HttpLimits& limits,
                 const HttpHandler& handler, std::function<void()> ended);

  void Start();
  // Resets the connection, in any state.
  void Abort();

 private:
  void Close();
  void ReadHead();
  void Respond();
  void Send(const HttpResponse& response, bool head_only);
  void ReadToEnd();
  void AbortAfter(std::chrono::milliseconds time);

  asio::ip::tcp::socket socket_;
  const HttpLimits& limits_;
  const HttpHandler& handler_;
  const std::function<void()> ended_;
  asio::steady_timer deadline_;
  std::array<char, 2048> chunk_;
  std::string head_;
  std::string response_;
  bool closed_ = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_CONNECTION_H_
