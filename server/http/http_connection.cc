#include "server/http/http_connection.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {

HttpConnection::HttpConnection(asio::ip::tcp::socket socket,
                               const HttpLimits& limits,
                               const HttpHandler& handler, HttpApiShare& share,
                               const TlsContext* tls,
                               std::function<void()> ended)
    : stream_(std::make_shared<HttpStream>(std::move(socket), tls)),
      limits_(limits),
      handler_(handler),
      share_(share),
      ended_(std::move(ended)),
      deadline_(stream_->executor()) {}

void HttpConnection::Start() {
  AbortAfter(limits_.request_time);
  stream_->Open([self = shared_from_this()](std::error_code error) {
    if (error) return self->Close();
    self->ReadHead();
  });
}

void HttpConnection::Abort() {
  if (closed_) return;
  // Reset, so that the kernel drops what was not sent.
  stream_->Reset();
  Close();
}

void HttpConnection::Close() {
  if (closed_) return;
  closed_ = true;
  deadline_.cancel();
  // As this may be called by it.
  const std::shared_ptr<HttpCall> call = std::exchange(call_, nullptr);
  if (call != nullptr) call->Cancel();
  stream_->Close();
  ended_();
}

void HttpConnection::AbortAfter(std::chrono::milliseconds time) {
  deadline_.expires_after(time);
  deadline_.async_wait([self = shared_from_this()](std::error_code error) {
    // The timer may have been set again when this handler was already queued.
    if (!error &&
        self->deadline_.expiry() <= std::chrono::steady_clock::now()) {
      self->Abort();
    }
  });
}

void HttpConnection::ReadHead() {
  std::string& input = stream_->input();
  const auto size = HeadSize(input);
  if (size && *size <= limits_.max_request_bytes) {
    const std::string head = input.substr(0, *size);
    input.erase(0, *size);
    return Respond(head);
  }
  if (input.size() > limits_.max_request_bytes) {
    AbortAfter(limits_.response_time);
    return Send({.status = 431,
                 .body = absl::StrCat("A request has at most ",
                                      limits_.max_request_bytes, " bytes.\n")},
                /*head_only=*/false);
  }
  stream_->Read([self = shared_from_this()](std::error_code error) {
    if (error) return self->Close();
    self->ReadHead();
  });
}

void HttpConnection::Respond(const std::string& head) {
  AbortAfter(limits_.response_time);
  const absl::StatusOr<HttpRequest> request = ParseHead(head);
  if (!request.ok()) {
    return Send(
        {.status = 400,
         .body = absl::StrCat(std::string(request.status().message()), "\n")},
        /*head_only=*/false);
  }
  if (share_.api != nullptr && share_.api->Has(request->path)) {
    return BeginCall(*request);
  }
  if (request->method != "GET" && request->method != "HEAD") {
    return Send({.status = 405,
                 .body = "This server answers GET and HEAD.\n",
                 .headers = {{"Allow", "GET, HEAD"}}},
                /*head_only=*/false);
  }
  handler_(*request,
           [weak = weak_from_this(), head_only = request->method == "HEAD"](
               const std::function<HttpResponse()>& make) {
             const std::shared_ptr<HttpConnection> self = weak.lock();
             if (self == nullptr || self->closed_) return;
             self->Send(make(), head_only);
           });
}

void HttpConnection::BeginCall(const HttpRequest& request) {
  // The call has deadlines of its own. With cancel(), a handler that is queued
  // already would see this one expired.
  deadline_.expires_at(asio::steady_timer::time_point::max());
  call_ = std::make_shared<HttpCall>(
      stream_, limits_, share_, [weak = weak_from_this()](HttpCall::End end) {
        const std::shared_ptr<HttpConnection> self = weak.lock();
        if (self == nullptr || self->closed_) return;
        self->call_ = nullptr;
        switch (end) {
          case HttpCall::End::kNextRequest:
            self->AbortAfter(self->limits_.idle_time);
            return self->ReadHead();
          case HttpCall::End::kAnswered:
            self->AbortAfter(self->limits_.response_time);
            self->stream_->EndOutput();
            return self->ReadToEnd();
          case HttpCall::End::kLost:
            return self->Abort();
        }
      });
  call_->Start(request);
}

void HttpConnection::Send(const HttpResponse& response, bool head_only) {
  response_ = Serialize(response, head_only);
  Write(0);
}

void HttpConnection::Write(size_t written) {
  stream_->Write(absl::string_view(response_).substr(written),
                 [self = shared_from_this(), written](std::error_code error,
                                                      size_t count) {
                   if (error) return self->Close();
                   if (written + count < self->response_.size()) {
                     return self->Write(written + count);
                   }
                   // close(2) with unread input, such as a body, resets the
                   // connection, and the client may lose the response. So it is
                   // half-closed, and read until the client has closed its end.
                   self->stream_->EndOutput();
                   self->ReadToEnd();
                 });
}

void HttpConnection::ReadToEnd() {
  stream_->input().clear();
  stream_->Read([self = shared_from_this()](std::error_code error) {
    if (error) return self->Close();
    self->ReadToEnd();
  });
}

}  // namespace tcptool::server
