#include "server/rpc/wait_reactor.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "messages/time.h"
#include "server/api/errors.h"
#include "server/api/request_checks.h"

namespace tcptool::server {

void WaitReactor::OnRead(bool ok) {
  v1::WaitSessionRequest request;
  absl::Status status =
      ok ? Parse(request)
         : absl::InvalidArgumentError("the request has not come");
  if (status.ok()) status = CheckRequest(request);
  if (status.ok()) {
    if (!Open(request)) return;
    const auto watcher =
        std::static_pointer_cast<WaitReactor>(shared_from_this());
    status = hub_.Add(watcher);
    absl::MutexLock lock(&mutex_);
    watcher_ = watcher;
  }
  absl::MutexLock lock(&mutex_);
  if (!status.ok()) return EndOnce(status);
  // What happened before the hub had it.
  AnswerIfDue();
}

bool WaitReactor::Open(const v1::WaitSessionRequest& request) {
  std::chrono::nanoseconds timeout = kLongest;
  if (request.has_timeout()) {
    timeout = std::min(
        timeout, absl::ToChronoNanoseconds(ToDuration(request.timeout())));
  }
  absl::MutexLock lock(&mutex_);
  name_ = request.name();
  deadline_ = Clock::now() + timeout;
  AnswerIfDue();
  return !finished_;
}

void WaitReactor::Wake() {
  absl::MutexLock lock(&mutex_);
  AnswerIfDue();
}

void WaitReactor::Stop() {
  absl::MutexLock lock(&mutex_);
  AnswerIfDue();
  EndOnce(Unavailable(v1::ERROR_REASON_SERVICE_STOPPING,
                      "the service is stopping; wait again when it is back"));
}

void WaitReactor::OnCancel() {
  absl::MutexLock lock(&mutex_);
  EndOnce(CancelReason());
}

void WaitReactor::OnDone() {
  std::shared_ptr<Watcher> watcher;
  {
    absl::MutexLock lock(&mutex_);
    watcher = std::exchange(watcher_, nullptr);
  }
  if (watcher != nullptr) hub_.Remove(watcher);
  Call::OnDone();
}

void WaitReactor::AnswerIfDue() {
  if (finished_) return;
  const absl::StatusOr<bool> has_ended = table_.HasEnded(name_);
  if (has_ended.ok() && !*has_ended && Clock::now() < deadline_) return;
  const absl::StatusOr<v1::Session> session = table_.Get(name_);
  if (!session.ok()) return EndOnce(session.status());
  finished_ = true;
  WriteAndEnd(*session);
}

void WaitReactor::EndOnce(const absl::Status& status) {
  if (!std::exchange(finished_, true)) End(status);
}

}  // namespace tcptool::server
