#include "server/http/http_connection.h"

#include <asio/buffer.hpp>
#include <asio/write.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
HttpConnection::HttpConnection(asio::ip::tcp::socket socket,
                               const HttpLimits& limits,
                               const HttpHandler& handler,
                               std::function<void()> ended)
    : socket_(std::move(socket)),
      limits_(limits),
      handler_(handler),
      ended_(std::move(ended)),
      deadline_(socket_.get_executor()) {}

void HttpConnection::Start() {
  AbortAfter(limits_.request_time);
  ReadHead();
}

void HttpConnection::Abort() {
  std::error_code ignored;
  // Reset (linger 0), so that the kernel drops what was not sent.
  if (!closed_) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  Close();
}

void HttpConnection::Close() {
  if (closed_) return;
  closed_ = true;
  std::error_code ignored;
  deadline_.cancel();
  socket_.close(ignored);
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
  socket_.async_read_some(
      asio::buffer(chunk_),
      [self = shared_from_this()](std::error_code error, size_t bytes) {
        if (self->closed_) return;
        if (error) return self->Close();
        self->head_.append(self->chunk_.data(), bytes);
        if (const auto size = HeadSize(self->head_)) {
          self->head_.resize(*size);
          return self->Respond();
        }
        if (self->head_.size() > self->limits_.max_request_bytes) {
          self->AbortAfter(self->limits_.response_time);
          return self->Send({.status = 431,
                             .body = absl::StrCat(
                                 "A request has at most ",
                                 self->limits_.max_request_bytes, " bytes.\n")},
                            /*head_only=*/false);
        }
        self->ReadHead();
      });
}

void HttpConnection::Respond() {
  AbortAfter(limits_.response_time);
  const absl::StatusOr<HttpRequest> request = ParseHead(head_);
  if (!request.ok()) {
    return Send(
        {.status = 400,
         .body = absl::StrCat(std::string(request.status().message()), "\n")},
        /*head_only=*/false);
  }
  if (request->method != "GET" && request->method != "HEAD") {
    return Send({.status = 405, .body = "This server answers GET and HEAD.\n"},
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

void HttpConnection::Send(const HttpResponse& response, bool head_only) {
  response_ = Serialize(response, head_only);
  asio::async_write(socket_, asio::buffer(response_),
                    [self = shared_from_this()](std::error_code error, size_t) {
                      if (self->closed_) return;
                      if (error) return self->Close();
                      // close(2) with unread input, such as a body, resets the
                      // connection, and the client may lose the response. So it
                      // is half-closed, and read until the client has closed
                      // its end.
                      self->socket_.shutdown(asio::socket_base::shutdown_send,
                                             error);
                      self->ReadToEnd();
                    });
}

void HttpConnection::ReadToEnd() {
  socket_.async_read_some(
      asio::buffer(chunk_),
      [self = shared_from_this()](std::error_code error, size_t) {
        if (self->closed_) return;
        if (error) return self->Close();
        self->ReadToEnd();
      });
}

}  // namespace tcptool::server
