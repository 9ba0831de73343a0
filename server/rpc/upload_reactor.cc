#include "server/rpc/upload_reactor.h"

#include <asio/post.hpp>
#include <utility>

#include "server/api/invalid_field.h"

namespace tcptool::server {

template <typename Target>
void UploadReactor<Target>::Begin() {
  absl::MutexLock lock(&mutex_);
  ReadNext();
}

template <typename Target>
void UploadReactor<Target>::OnRead(bool ok) {
  absl::MutexLock lock(&mutex_);
  reading_ = false;
  absl::Status parsed;
  if (ok) parsed = Parse(request_);
  // Also after a cancellation: the first message names what it is uploaded to,
  // which must fail then.
  if (ok && parsed.ok() && upload_ == nullptr) return Open();
  if (finished_ || succeeding_) return;
  if (!parsed.ok()) return BreakOff(parsed);
  if (ok) return Take();
  if (upload_ == nullptr) {
    return EndOnce(
        EndReason(InvalidField("name", "the stream ended without a message")));
  }
  if (!upload_->complete()) {
    return BreakOff(
        EndReason(InvalidField("complete", "the stream ended without it")));
  }
  if (Target::IsAnswerable(*upload_)) Succeed();
}

template <typename Target>
void UploadReactor<Target>::OnCancel() {
  absl::MutexLock lock(&mutex_);
  if (upload_ == nullptr || !upload_->complete()) {
    return BreakOff(CancelReason());
  }
  // Complete content stays valid, whether or not the client gets the answer.
  EndOnce(CancelReason());
}

template <typename Target>
void UploadReactor<Target>::OnDone() {
  // Another thread may still be in a method that holds the mutex: waits until
  // it has left, as the call may be destroyed next.
  { absl::MutexLock lock(&mutex_); }
  Call::OnDone();
}

template <typename Target>
void UploadReactor<Target>::Open() {
  if (absl::Status status = Target::CheckName(request_.name()); !status.ok()) {
    return EndOnce(status);
  }
  set_target(request_.name());
  target_.Open(request_.name(),
               [self = Self()](absl::StatusOr<std::unique_ptr<Upload>> upload) {
                 self->OnOpened(std::move(upload));
               });
}

template <typename Target>
void UploadReactor<Target>::OnOpened(
    absl::StatusOr<std::unique_ptr<Upload>> upload) {
  absl::MutexLock lock(&mutex_);
  if (!upload.ok()) return EndOnce(upload.status());
  upload_ = *std::move(upload);
  if (finished_) {  // Cancelled while it was being opened.
    return Target::Fail(*upload_, CancelReason());
  }
  upload_->set_on_change([weak = std::weak_ptr<UploadReactor>(Self())] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    asio::post(self->worker_, [self] { self->OnChange(); });
  });
  Take();
}

template <typename Target>
void UploadReactor<Target>::OnChange() {
  absl::MutexLock lock(&mutex_);
  if (finished_ || succeeding_) return;
  if (!upload_->closed()) {
    // Of one that is complete, the end of the stream is read already.
    if (!reading_ && !upload_->complete()) ReadNext();
  } else if (upload_->complete()) {
    Succeed();
  } else {
    EndOnce(Target::EndedEarly(*upload_));
  }
}

template <typename Target>
void UploadReactor<Target>::Take() {
  if (absl::Status status = upload_->Take(request_); !status.ok()) {
    return BreakOff(status);
  }
  // After the last message, reads the client's end of the stream.
  if (upload_->has_room() || upload_->complete()) ReadNext();
}

template <typename Target>
void UploadReactor<Target>::ReadNext() {
  reading_ = true;
  Read();
}

template <typename Target>
void UploadReactor<Target>::Succeed() {
  succeeding_ = true;
  // It may be answered at once, and the mutex is held.
  target_.Answer(*upload_, [self = Self()](absl::StatusOr<Response> response) {
    asio::post(self->worker_, [self, response = std::move(response)] {
      self->Answer(response);
    });
  });
}

template <typename Target>
void UploadReactor<Target>::Answer(const absl::StatusOr<Response>& response) {
  absl::MutexLock lock(&mutex_);
  if (finished_) return;
  if (!response.ok()) return EndOnce(response.status());
  finished_ = true;
  WriteAndEnd(*response);
}

template <typename Target>
void UploadReactor<Target>::BreakOff(const absl::Status& status) {
  if (finished_) return;
  if (upload_ != nullptr) Target::Fail(*upload_, status);
  EndOnce(status);
}

template <typename Target>
void UploadReactor<Target>::EndOnce(const absl::Status& status) {
  if (!std::exchange(finished_, true)) End(status);
}

template <typename Target>
std::shared_ptr<UploadReactor<Target>> UploadReactor<Target>::Self() {
  return std::static_pointer_cast<UploadReactor>(shared_from_this());
}

template class UploadReactor<SessionUploads>;
template class UploadReactor<DistributionUploads>;

}  // namespace tcptool::server
