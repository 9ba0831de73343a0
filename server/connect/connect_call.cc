#include "server/connect/connect_call.h"

#include <asio/post.hpp>
#include <utility>

#include "absl/status/statusor.h"
#include "server/api/errors.h"
#include "server/api/grpc_status.h"
#include "server/connect/envelope.h"
#include "server/connect/error_json.h"

namespace tcptool::server {
namespace {

grpc::Status Stopping() {
  return ToGrpc(
      Unavailable(v1::ERROR_REASON_SERVICE_STOPPING,
                  "the service is stopping; call again when it is back"));
}

}  // namespace

HttpResponse ErrorResponse(const Codec& codec, const grpc::Status& error,
                           Origins::Headers headers) {
  if (codec.is_stream) {
    return {.content_type = std::string(codec.content_type()),
            .body = EndEnvelope(EndOfStreamJson(error)),
            .headers = std::move(headers)};
  }
  if (error.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
    headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  return {.status = HttpStatusOf(error.error_code()),
          .content_type = "application/json",
          .body = ErrorJson(error),
          .headers = std::move(headers)};
}

void ConnectCall::Begin(std::shared_ptr<const std::string> body) {
  asio::post(backend_.parser, [self = shared_from_this(),
                               body = std::move(body)] { self->Parse(*body); });
}

HttpResponse ConnectCall::Refuse(const absl::Status& status) const {
  return ErrorResponse(options_.codec, ToGrpc(status), options_.headers);
}

void ConnectCall::Parse(const std::string& body) {
  if (backend_.stopped) return SendError(Stopping());
  absl::StatusOr<absl::string_view> message = body;
  if (options_.codec.is_stream) message = OnlyMessage(body);
  if (!message.ok()) return SendError(ToGrpc(message.status()));
  absl::StatusOr<std::string> request =
      Decode(options_.codec, *options_.method.input_type(), *message);
  if (!request.ok()) return SendError(ToGrpc(request.status()));
  InProcessCall::Request call = options_.request;
  call.message = *std::move(request);
  absl::MutexLock lock(&mutex_);
  if (cancelled_) return;
  backend_.running.Add();
  // Its reactions come on other threads.
  call_ = InProcessCall::Start(
      backend_.stub, backend_.callers.Vouch(options_.peer), call,
      {.on_message =
           [self = shared_from_this()](std::string bytes) {
             self->OnMessage(std::move(bytes));
           },
       .on_end =
           [self = shared_from_this(),
            &running = backend_.running](const grpc::Status& status) {
             self->OnEnd(status);
             running.Remove();
           }});
}

void ConnectCall::OnMessage(std::string message) {
  absl::StatusOr<std::string> encoded = Encode(
      options_.codec, *options_.method.output_type(), std::move(message));
  if (!encoded.ok()) {
    failure_ = encoded.status();
    return Cancel();
  }
  if (options_.codec.is_stream) {
    return SendPart(Envelope(*encoded), /*is_last=*/false);
  }
  answer_ = *std::move(encoded);
  OnTaken();
}

void ConnectCall::OnEnd(const grpc::Status& status) {
  const grpc::Status result = failure_.ok() ? status : ToGrpc(failure_);
  {
    absl::MutexLock lock(&mutex_);
    call_ = nullptr;
  }
  if (!result.ok()) return SendError(result);
  if (options_.codec.is_stream) {
    return SendPart(EndEnvelope(EndOfStreamJson(result)), /*is_last=*/true);
  }
  if (!answer_) {
    return SendError(ToGrpc(absl::InternalError("the method has no answer")));
  }
  SendPart(*std::move(answer_), /*is_last=*/true);
}

void ConnectCall::SendPart(std::string bytes, bool is_last) {
  HttpPart part = {.bytes = std::move(bytes), .is_last = is_last};
  if (!std::exchange(has_head_, true)) {
    part.head = {.content_type = std::string(options_.codec.content_type()),
                 .headers = options_.headers};
  }
  send_(std::move(part));
}

void ConnectCall::SendError(const grpc::Status& error) {
  if (has_head_) {
    return SendPart(EndEnvelope(EndOfStreamJson(error)), /*is_last=*/true);
  }
  HttpResponse response =
      ErrorResponse(options_.codec, error, options_.headers);
  std::string bytes = std::exchange(response.body, "");
  send_({.head = std::move(response),
         .bytes = std::move(bytes),
         .is_last = true});
}

void ConnectCall::OnTaken() {
  std::shared_ptr<InProcessCall> call;
  {
    absl::MutexLock lock(&mutex_);
    call = call_;
  }
  if (call != nullptr) call->Next();
}

void ConnectCall::Cancel() {
  std::shared_ptr<InProcessCall> call;
  {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    call = call_;
  }
  if (call != nullptr) call->Cancel();
}

}  // namespace tcptool::server
