// One connection of the HTTP server: a request for a page and its response, or
// calls of the API, one after the other.
#ifndef TCPTOOL_SERVER_HTTP_HTTP_CONNECTION_H_
#define TCPTOOL_SERVER_HTTP_HTTP_CONNECTION_H_

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "server/http/http_call.h"
#include "server/http/http_limits.h"
#include "server/http/http_message.h"
#include "server/http/http_stream.h"
#include "server/security/tls.h"

namespace tcptool::server {

// Answers GET and HEAD, at once or later. Not called for malformed requests.
using HttpHandler =
    std::function<void(const HttpRequest&, HttpRespond respond)>;

// Lives on its socket's executor, which has one thread. Keeps itself alive from
// Start() until it has ended.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  // `tls`: null for clear text. `limits`, `handler`, `share` and `tls` outlive
  // it; `handler` has its answers given on the executor. `ended` is called
  // once, unless the executor goes away before.
  HttpConnection(asio::ip::tcp::socket socket, const HttpLimits& limits,
                 const HttpHandler& handler, HttpApiShare& share,
                 const TlsContext* tls, std::function<void()> ended);

  void Start();
  // Resets the connection, in any state.
  void Abort();
  // It has a call of the API whose caller was let in.
  bool has_call() const { return call_ != nullptr && call_->is_admitted(); }

 private:
  void Close();
  void ReadHead();
  void Respond(const std::string& head);
  void BeginCall(const HttpRequest& request);
  void Send(const HttpResponse& response, bool head_only);
  void Write(size_t written);
  void ReadToEnd();
  void AbortAfter(std::chrono::milliseconds time);

  const std::shared_ptr<HttpStream> stream_;
  const HttpLimits& limits_;
  const HttpHandler& handler_;
  HttpApiShare& share_;
  const std::function<void()> ended_;
  asio::steady_timer deadline_;
  std::shared_ptr<HttpCall> call_;
  std::string response_;
  bool closed_ = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_CONNECTION_H_
