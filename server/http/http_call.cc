#include "server/http/http_call.h"

#include <asio/error.hpp>
#include <asio/post.hpp>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/api/errors.h"

namespace tcptool::server {
namespace {

constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string Chunk(absl::string_view bytes) {
  return bytes.empty()
             ? ""
             : absl::StrCat(absl::Hex(bytes.size()), "\r\n", bytes, "\r\n");
}

}  // namespace

HttpCall::HttpCall(std::shared_ptr<HttpStream> stream, const HttpLimits& limits,
                   HttpApiShare& share, std::function<void(End)> ended)
    : stream_(std::move(stream)),
      limits_(limits),
      share_(share),
      ended_(std::move(ended)),
      deadline_(stream_->executor()) {
  ++share_.unanswered;
}

HttpCall::~HttpCall() {
  if (call_ != nullptr) call_->Cancel();
}

HttpApi::Send HttpCall::NewSend() {
  return [weak = weak_from_this(), context = share_.context](HttpPart part) {
    const std::shared_ptr<asio::io_context> there = context.lock();
    if (there == nullptr) return;
    asio::post(*there, [weak, part = std::move(part)]() mutable {
      if (const auto self = weak.lock()) self->Take(std::move(part));
    });
  };
}

void HttpCall::Start(const HttpRequest& request) {
  EndAfter(limits_.response_time);
  is_head_ = request.method == "HEAD";
  is_http_1_0_ = request.is_http_1_0;
  absl::StatusOr<HttpBody> body = HttpBody::Of(request);
  if (!body.ok()) {
    return Answer(
        {.status = 400, .body = absl::StrCat(body.status().message(), "\n")});
  }
  HttpApi::Opened opened = share_.api->Open(request, stream_->peer(),
                                            stream_->is_secured(), NewSend());
  if (auto* const response = std::get_if<HttpResponse>(&opened)) {
    return Answer(std::move(*response));
  }
  call_ = std::get<std::shared_ptr<HttpApi::Call>>(std::move(opened));
  absl::Status status = LimitBody(*body);
  if (status.ok()) status = Admit(request);
  if (!status.ok()) return Answer(call_->Refuse(status));
  body_ = *std::move(body);
  const std::string* const expect = request.Header("expect");
  // Of HTTP/1.0 it is to be ignored (RFC 9110, 10.1.1).
  if (expect == nullptr || !absl::EqualsIgnoreCase(*expect, "100-continue") ||
      is_http_1_0_ || body_->done() || !stream_->input().empty()) {
    return ReadBody();
  }
  // Which there is room for: nothing else was sent since the last answer.
  stream_->Write(kContinue,
                 [self = shared_from_this()](std::error_code error, size_t) {
                   if (self->ended_ == nullptr) return;
                   if (error) return self->Finish(End::kLost);
                   self->ReadBody();
                 });
}

absl::Status HttpCall::LimitBody(HttpBody& body) const {
  const size_t most = share_.api->max_body_bytes();
  const Role required = call_->required();
  const size_t bytes = required == Role::kNone ? limits_.max_open_body_bytes
                                               : limits_.max_viewer_body_bytes;
  if (required == Role::kOperator || bytes >= most) {
    return body.Limit(most, ", which --max-message-bytes allows");
  }
  return body.Limit(bytes,
                    ", which over HTTP a method may have that changes nothing; "
                    "use gRPC");
}

absl::Status HttpCall::Admit(const HttpRequest& request) {
  // A stranger's makes room for others, and has a connection for itself.
  if (call_->required() == Role::kNone) return absl::OkStatus();
  const size_t reserved =
      call_->required() == Role::kOperator ? 0 : share_.reserved_calls;
  if (share_.calls + reserved >= share_.max_calls) {
    return Exhausted(
        v1::ERROR_REASON_LIMIT_REACHED, "calls over HTTP",
        absl::StrCat("there are ", share_.calls,
                     " calls over HTTP already; end some, or use gRPC"));
  }
  is_admitted_ = true;
  ++share_.calls;
  keeps_alive_ = request.keeps_alive;
  EndAfter(limits_.body_time);
  return absl::OkStatus();
}

void HttpCall::ReadBody() {
  absl::Status status = body_->Take(stream_->input());
  share_.body_bytes += body_->bytes().size() - counted_bytes_;
  counted_bytes_ = body_->bytes().size();
  if (status.ok() && share_.body_bytes > limits_.max_body_bytes) {
    status = Exhausted(v1::ERROR_REASON_LIMIT_REACHED, "bytes sent over HTTP",
                       "too much is sent over HTTP at the moment; try again");
  }
  if (!status.ok()) {
    keeps_alive_ = false;
    return Answer(call_->Refuse(status));
  }
  if (body_->done()) return BeginCall();
  stream_->Read([self = shared_from_this()](std::error_code error) {
    if (self->ended_ == nullptr) return;
    if (error) return self->Finish(End::kLost);
    self->ReadBody();
  });
}

void HttpCall::BeginCall() {
  WaitForEver();
  call_->Begin(TakeBody());
  WatchClient();
}

std::shared_ptr<const std::string> HttpCall::TakeBody() {
  const size_t bytes = std::exchange(counted_bytes_, 0);
  return {new std::string(std::move(body_->bytes())),
          [&share = share_, context = share_.context,
           bytes](const std::string* body) {
            delete body;
            // The share exists for as long as this context runs.
            if (const auto there = context.lock()) {
              asio::post(*there,
                         [&share, bytes] { share.body_bytes -= bytes; });
            }
          }};
}

void HttpCall::WatchClient() {
  // What comes now is the next request. A client that sends more of it has to
  // wait, and is then found to be gone by a reset, or by what it does not take.
  if (stream_->input().size() > limits_.max_request_bytes) {
    return WaitForLoss();
  }
  stream_->Read([self = shared_from_this()](std::error_code error) {
    if (self->ended_ == nullptr) return;
    if (!error) return self->WatchClient();
    if (error != asio::error::eof || !self->is_http_1_0_) {
      return self->Finish(End::kLost);
    }
    // Its last request was this one: it may have ended its side behind that.
    self->WaitForLoss();
  });
}

void HttpCall::WaitForLoss() {
  stream_->WaitForLoss([self = shared_from_this()] {
    if (self->ended_ != nullptr) self->Finish(End::kLost);
  });
}

void HttpCall::Take(HttpPart part) {
  if (ended_ == nullptr) return;
  if (part.head) {
    is_chunked_ = !part.is_last && !is_http_1_0_;
    HttpFraming framing = {.is_chunked = is_chunked_,
                           .keeps_alive = keeps_alive_};
    if (part.is_last) framing.length = part.bytes.size();
    output_ = SerializeHead(*part.head, framing);
  }
  if (is_head_) part.bytes.clear();
  absl::StrAppend(&output_, is_chunked_ ? Chunk(part.bytes) : part.bytes);
  is_last_ = part.is_last;
  if (is_last_ && is_chunked_) absl::StrAppend(&output_, "0\r\n\r\n");
  CountUnread();
  Write();
}

void HttpCall::CountUnread() {
  counted_unread_ = output_.size();
  if (counted_unread_ == 0) return;
  share_.unread_bytes += counted_unread_;
  unread_ = share_.unread.insert(share_.unread.end(), this);
  while (share_.unread_bytes > limits_.max_unread_bytes &&
         share_.unread.front() != this) {
    share_.unread.front()->Finish(End::kLost);
  }
}

void HttpCall::UncountUnread() {
  if (counted_unread_ == 0) return;
  share_.unread_bytes -= std::exchange(counted_unread_, 0);
  share_.unread.erase(unread_);
}

void HttpCall::Write() {
  EndAfter(limits_.take_time);
  stream_->Write(
      absl::string_view(output_).substr(written_),
      [self = shared_from_this()](std::error_code error, size_t count) {
        self->OnWritten(error, count);
      });
}

void HttpCall::OnWritten(std::error_code error, size_t count) {
  if (ended_ == nullptr) return;
  if (error) return Finish(End::kLost);
  written_ += count;
  if (written_ < output_.size()) return Write();
  UncountUnread();
  output_.clear();
  written_ = 0;
  WaitForEver();
  if (is_last_) {
    return Finish(keeps_alive_ ? End::kNextRequest : End::kAnswered);
  }
  call_->OnTaken();
}

void HttpCall::Answer(HttpResponse response) {
  if (call_ != nullptr) std::exchange(call_, nullptr)->Cancel();
  std::string bytes = std::move(response.body);
  Take({.head = std::move(response),
        .bytes = std::move(bytes),
        .is_last = true});
}

void HttpCall::EndAfter(std::chrono::milliseconds time) {
  deadline_.expires_after(time);
  deadline_.async_wait([weak = weak_from_this()](std::error_code error) {
    const auto self = weak.lock();
    // The timer may have been set again when this handler was already queued.
    if (!error && self != nullptr && self->ended_ != nullptr &&
        self->deadline_.expiry() <= std::chrono::steady_clock::now()) {
      self->Finish(End::kLost);
    }
  });
}

void HttpCall::WaitForEver() {
  // With cancel(), a handler that is queued already would see it expired.
  deadline_.expires_at(asio::steady_timer::time_point::max());
}

void HttpCall::Cancel() {
  ended_ = nullptr;
  Release();
}

void HttpCall::Finish(End end) {
  const std::function<void(End)> ended = std::exchange(ended_, nullptr);
  const std::shared_ptr<HttpCall> self = shared_from_this();
  Release();
  ended(end);
}

void HttpCall::Release() {
  stream_->StopReading();
  WaitForEver();
  if (std::exchange(is_admitted_, false)) --share_.calls;
  share_.body_bytes -= std::exchange(counted_bytes_, 0);
  UncountUnread();
  // Of one that has ended it does nothing.
  if (call_ != nullptr) std::exchange(call_, nullptr)->Cancel();
  if (--share_.unanswered == 0 && share_.when_answered != nullptr) {
    std::exchange(share_.when_answered, nullptr)();
  }
}

}  // namespace tcptool::server
