#include "server/fleet/etcd/watch_stream.h"

#include <asio/post.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "server/fleet/etcd/call_errors.h"

namespace tcptool::fleet {

WatchStream::WatchStream(std::shared_ptr<EtcdContext> etcd,
                         const etcdserverpb::WatchCreateRequest& request,
                         EtcdWatchStream::Events events)
    : etcd_(std::move(etcd)),
      endpoint_(etcd_->watched_members.current()),
      events_(std::move(events)) {
  *request_.mutable_create_request() = request;
}

void WatchStream::Start() {
  SetUpContext(*etcd_, context_);
  etcd_->open->Add(shared_from_this());
  endpoint_.watch->async()->Watch(&context_, this);
  AddHold();
  StartRead(&response_);
  StartWrite(&request_);
  StartCall();
}

void WatchStream::Close() {
  closed_ = true;
  events_ = {};
  Cancel();
}

void WatchStream::Cancel() {
  bool holds = false;
  {
    absl::MutexLock lock(&mutex_);
    if (cancelled_) return;
    cancelled_ = true;
    holds = paused_;
  }
  context_.TryCancel();
  if (holds) RemoveHold();
}

void WatchStream::OnReadDone(bool ok) {
  {
    absl::MutexLock lock(&mutex_);
    if (ok && !cancelled_) {
      paused_ = true;
      asio::post(etcd_->executor,
                 [self = shared_from_this()] { self->Received(); });
      return;
    }
    // Cancel() finds nothing to let go of.
    cancelled_ = true;
  }
  RemoveHold();
}

void WatchStream::OnDone(const grpc::Status& status) {
  const std::shared_ptr<OpenCalls> open = etcd_->open;
  asio::post(etcd_->executor,
             [self = shared_from_this(), status] { self->Ended(status); });
  open->Remove(this);
}

void WatchStream::Received() {
  if (!closed_ && !etcd_->stopped) {
    if (response_.canceled() &&
        absl::StrContains(response_.cancel_reason(), "permission denied")) {
      // etcd 3.4 says so of a token that has expired, too.
      ForgetToken(*etcd_);
    }
    // It may close this.
    const auto respond = events_.response;
    respond(response_);
  }
  {
    absl::MutexLock lock(&mutex_);
    if (cancelled_) return;
    paused_ = false;
    response_.Clear();
  }
  StartRead(&response_);
}

void WatchStream::Ended(const grpc::Status& status) {
  if (closed_ || etcd_->stopped) return;
  etcd_->watched_members.TurnFrom(endpoint_);
  const CallFailure failure = JudgeFailure(
      status.ok()
          ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "the stream has ended")
          : status,
      CallKind::kRepeatable, endpoint_.name);
  if (failure.next == CallFailure::Next::kAuthenticate) ForgetToken(*etcd_);
  const auto end = events_.end;
  end(failure.status);
}

}  // namespace tcptool::fleet
