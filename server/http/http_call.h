// A call of the API on a connection of the HTTP server.
#ifndef TCPTOOL_SERVER_HTTP_HTTP_CALL_H_
#define TCPTOOL_SERVER_HTTP_HTTP_CALL_H_

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "server/http/http_api.h"
#include "server/http/http_body.h"
#include "server/http/http_limits.h"
#include "server/http/http_message.h"
#include "server/http/http_stream.h"

namespace tcptool::server {

class HttpCall;

// What all connections share of the API.
struct HttpApiShare {
  HttpApi* api = nullptr;  // Null: there is none.
  // Whoever sends a part at the moment of the end has it for so long.
  std::weak_ptr<asio::io_context> context;
  size_t max_calls = 0;
  size_t calls = 0;  // Whose callers were let in.
  // Of max_calls, what calls that viewers may make leave to those of operators.
  size_t reserved_calls = 0;
  size_t body_bytes = 0;  // Of bodies that are coming, or not parsed.
  size_t unanswered = 0;  // Calls, and requests that are to be refused.
  // Called once when that is 0 again, if it is not null.
  std::function<void()> when_answered = nullptr;
  // Those with something that their client has not taken, the first one for the
  // longest; and how much that is.
  std::list<HttpCall*> unread;
  size_t unread_bytes = 0;
};

// Reads the body, and writes the answer as fast as the client takes it, a part
// at a time. Lives on the stream's executor.
class HttpCall : public std::enable_shared_from_this<HttpCall> {
 public:
  enum class End {
    kNextRequest,  // The connection is as it was before the request.
    kAnswered,     // It has been answered; what else comes is not to be read.
    kLost,         // The client is gone, or has made us wait for too long.
  };

  // `limits` and `share` outlive it. `ended`: called once, unless Cancel() was.
  HttpCall(std::shared_ptr<HttpStream> stream, const HttpLimits& limits,
           HttpApiShare& share, std::function<void(End)> ended);
  ~HttpCall();

  void Start(const HttpRequest& request);
  // The connection ends.
  void Cancel();

  // Its caller was let in: it does not make room for strangers.
  bool is_admitted() const { return is_admitted_; }

 private:
  HttpApi::Send NewSend();
  absl::Status LimitBody(HttpBody& body) const;
  // Lets the caller in, if it is known. RESOURCE_EXHAUSTED: there are too many.
  absl::Status Admit(const HttpRequest& request);
  void ReadBody();
  void BeginCall();
  // The body, which counts until it is destroyed, on any thread.
  std::shared_ptr<const std::string> TakeBody();
  // Notices that the client goes. By the end of its side, but of HTTP/1.0: by a
  // reset, which answers what it is sent, or the kernel's probes.
  void WatchClient();
  void WaitForLoss();
  void Take(HttpPart part);
  // Counts output_ among what is unread, and makes room for it.
  void CountUnread();
  void UncountUnread();
  void Write();
  void OnWritten(std::error_code error, size_t count);
  void Answer(HttpResponse response);
  void EndAfter(std::chrono::milliseconds time);
  void WaitForEver();
  void Finish(End end);
  // Once.
  void Release();

  const std::shared_ptr<HttpStream> stream_;
  const HttpLimits& limits_;
  HttpApiShare& share_;
  std::function<void(End)> ended_;  // Null once it has ended.
  asio::steady_timer deadline_;
  std::shared_ptr<HttpApi::Call> call_;
  std::optional<HttpBody> body_;
  size_t counted_bytes_ = 0;  // In share_.body_bytes.
  bool is_admitted_ = false;
  bool keeps_alive_ = false;
  bool is_head_ = false;      // It is answered without a body.
  bool is_http_1_0_ = false;  // It is answered without chunks.
  bool is_chunked_ = false;
  std::string output_;
  size_t written_ = 0;                     // Of output_.
  size_t counted_unread_ = 0;              // In share_.unread_bytes.
  std::list<HttpCall*>::iterator unread_;  // If that is not 0.
  bool is_last_ = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_CALL_H_
