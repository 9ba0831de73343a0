#include "server/rpc/upload_reactor.h"

#include <asio/post.hpp>
#include <utility>

#include "server/api/grpc_status.h"
#include "server/api/invalid_field.h"
#include "server/api/request_checks.h"

namespace tcptool::server {

UploadReactor* UploadReactor::Start(SessionManager& manager,
                                    asio::thread_pool& worker,
                                    v1::UploadContentResponse* response) {
  auto reactor = std::make_shared<UploadReactor>(manager, worker, response);
  absl::MutexLock lock(&reactor->mutex_);
  reactor->self_ = reactor;
  reactor->Read();
  return reactor.get();
}

void UploadReactor::OnReadDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  reading_ = false;
  // A first message that a cancellation has overtaken still has to fail the
  // session that it names.
  if (ok && upload_ == nullptr) return Open();
  if (finished_ || succeeding_) return;
  if (ok) return Take();
  if (upload_ == nullptr) {
    return End(InvalidField("name", "the stream ended without a message"));
  }
  if (upload_->complete()) return Succeed();
  Break(InvalidField("complete", "the stream ended without it"));
}

void UploadReactor::OnCancel() {
  absl::MutexLock lock(&mutex_);
  // Content that is whole stays whole, whether or not the client hears of it.
  if (upload_ == nullptr || !upload_->complete()) {
    Break(absl::CancelledError("the client cancelled the call, or was lost"));
  }
}

void UploadReactor::OnDone() {
  std::shared_ptr<UploadReactor> self;  // Goes after the lock.
  absl::MutexLock lock(&mutex_);
  self = std::exchange(self_, nullptr);
}

void UploadReactor::Open() {
  if (absl::Status status = CheckSessionName("name", request_.name());
      !status.ok()) {
    return End(status);
  }
  manager_.OpenUpload(request_.name(),
                      [self = shared_from_this()](
                          absl::StatusOr<std::unique_ptr<Upload>> upload) {
                        self->OnOpened(std::move(upload));
                      });
}

void UploadReactor::OnOpened(absl::StatusOr<std::unique_ptr<Upload>> upload) {
  absl::MutexLock lock(&mutex_);
  if (!upload.ok()) return End(upload.status());
  upload_ = *std::move(upload);
  if (finished_) {  // Cancelled while it was being opened.
    return upload_->Fail("the client cancelled the call, or was lost");
  }
  upload_->set_on_change([weak = weak_from_this()] {
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
    if (!reading_) Read();
  } else if (upload_->complete()) {
    Succeed();
  } else {
    End(absl::AbortedError(
        "the session ended before the upload did; its state and error say "
        "why"));
  }
}

void UploadReactor::Take() {
  if (absl::Status status = upload_->Take(request_); !status.ok()) {
    return Break(status);
  }
  // After the message that completes the content comes the stream's end.
  if (upload_->has_room() || upload_->complete()) Read();
}

void UploadReactor::Read() {
  reading_ = true;
  StartRead(&request_);
}

void UploadReactor::Succeed() {
  succeeding_ = true;
  manager_.GetUploaded(*upload_, [self = shared_from_this()](
                                     absl::StatusOr<v1::Session> session) {
    absl::MutexLock lock(&self->mutex_);
    if (session.ok()) {
      *self->response_->mutable_session() = *std::move(session);
    }
    self->End(session.status());
  });
}

void UploadReactor::Break(const absl::Status& status) {
  if (finished_) return;
  if (upload_ != nullptr) upload_->Fail(status.message());
  End(status);
}

void UploadReactor::End(const absl::Status& status) {
  if (std::exchange(finished_, true)) return;
  Finish(ToGrpc(status));
}

}  // namespace tcptool::server
