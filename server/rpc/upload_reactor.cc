#include "server/rpc/upload_reactor.h"

#include <asio/post.hpp>
#include <utility>

#include "server/api/invalid_field.h"
#include "server/api/request_checks.h"

namespace tcptool::server {

void UploadReactor::Begin() {
  absl::MutexLock lock(&mutex_);
  ReadNext();
}

void UploadReactor::OnRead(bool ok) {
  absl::MutexLock lock(&mutex_);
  reading_ = false;
  absl::Status parsed;
  if (ok) parsed = Parse(request_);
  // Also after a cancellation: the first message names the session, which must
  // fail then.
  if (ok && parsed.ok() && upload_ == nullptr) return Open();
  if (finished_ || succeeding_) return;
  if (!parsed.ok()) return BreakOff(parsed);
  if (ok) return Take();
  if (upload_ == nullptr) {
    return EndOnce(
        EndReason(InvalidField("name", "the stream ended without a message")));
  }
  if (upload_->complete()) return Succeed();
  BreakOff(EndReason(InvalidField("complete", "the stream ended without it")));
}

void UploadReactor::OnCancel() {
  absl::MutexLock lock(&mutex_);
  // Complete content stays valid, whether or not the client gets the answer.
  if (upload_ == nullptr || !upload_->complete()) BreakOff(CancelReason());
}

void UploadReactor::OnDone() {
  // Another thread may still be in a method that holds the mutex: waits until
  // it has left, as the call may be destroyed next.
  { absl::MutexLock lock(&mutex_); }
  Call::OnDone();
}

void UploadReactor::Open() {
  if (absl::Status status = CheckSessionName("name", request_.name());
      !status.ok()) {
    return EndOnce(status);
  }
  set_target(request_.name());
  manager_.OpenUpload(
      request_.name(),
      [self = Self()](absl::StatusOr<std::unique_ptr<Upload>> upload) {
        self->OnOpened(std::move(upload));
      });
}

void UploadReactor::OnOpened(absl::StatusOr<std::unique_ptr<Upload>> upload) {
  absl::MutexLock lock(&mutex_);
  if (!upload.ok()) return EndOnce(upload.status());
  upload_ = *std::move(upload);
  if (finished_) {  // Cancelled while it was being opened.
    return upload_->Fail(CancelReason().message());
  }
  upload_->set_on_change([weak = std::weak_ptr<UploadReactor>(Self())] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    asio::post(self->worker_, [self] { self->OnChange(); });
  });
  Take();
}

void UploadReactor::OnChange() {
  absl::MutexLock lock(&mutex_);
  if (finished_ || succeeding_) return;
  if (!upload_->closed()) {
    if (!reading_) ReadNext();
  } else if (upload_->complete()) {
    Succeed();
  } else {
    EndOnce(absl::AbortedError(
        "the session ended before the upload did; its state and error say "
        "why"));
  }
}

void UploadReactor::Take() {
  if (absl::Status status = upload_->Take(request_); !status.ok()) {
    return BreakOff(status);
  }
  // After the last message, reads the client's end of the stream.
  if (upload_->has_room() || upload_->complete()) ReadNext();
}

void UploadReactor::ReadNext() {
  reading_ = true;
  Read();
}

void UploadReactor::Succeed() {
  succeeding_ = true;
  manager_.GetUploaded(*upload_,
                       [self = Self()](absl::StatusOr<v1::Session> session) {
                         absl::MutexLock lock(&self->mutex_);
                         if (self->finished_) return;
                         if (!session.ok())
                           return self->EndOnce(session.status());
                         v1::UploadContentResponse response;
                         *response.mutable_session() = *std::move(session);
                         self->finished_ = true;
                         self->WriteAndEnd(response);
                       });
}

void UploadReactor::BreakOff(const absl::Status& status) {
  if (finished_) return;
  if (upload_ != nullptr) upload_->Fail(status.message());
  EndOnce(status);
}

void UploadReactor::EndOnce(const absl::Status& status) {
  if (!std::exchange(finished_, true)) End(status);
}

std::shared_ptr<UploadReactor> UploadReactor::Self() {
  return std::static_pointer_cast<UploadReactor>(shared_from_this());
}

}  // namespace tcptool::server
