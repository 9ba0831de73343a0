#include "server/rpc/open_calls.h"

#include <grpc/grpc.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {

void OpenCalls::Add(std::shared_ptr<Call> call) {
  Call* const key = call.get();
  absl::MutexLock lock(&mutex_);
  if (key->required() == Role::kNone) open_to_all_.Enter(key, 1);
  calls_[key] = std::move(call);
}

void OpenCalls::Remove(Call* call) {
  std::shared_ptr<Call> last;  // Destroyed after the lock is released.
  absl::MutexLock lock(&mutex_);
  const auto found = calls_.find(call);
  if (found == calls_.end()) return;
  open_to_all_.Leave(call);
  unread_.Leave(call);
  last = std::move(found->second);
  calls_.erase(found);
  if (calls_.empty()) none_.NotifyAll();
}

bool OpenCalls::WaitUntilNone(std::chrono::nanoseconds timeout) {
  const auto none = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return calls_.empty();
  };
  absl::MutexLock lock(&mutex_);
  return none_.WaitFor(&mutex_, timeout, none);
}

void OpenCalls::Sends(Call* call, size_t bytes) {
  absl::MutexLock lock(&mutex_);
  unread_.Enter(call, bytes);
}

void OpenCalls::HasSent(Call* call) {
  absl::MutexLock lock(&mutex_);
  unread_.Leave(call);
}

void OpenCalls::MakeRoom() {
  const absl::Status full = absl::ResourceExhaustedError(
      absl::StrCat("there are ", kMaxOpenToAll,
                   " calls without credentials, and the oldest makes room; try "
                   "again"));
  const absl::Status unread = absl::ResourceExhaustedError(
      "clients leave too much unread, and what has waited for the longest "
      "makes room; try again, and read what comes");
  std::vector<Cancelled> cancelled;
  {
    absl::MutexLock lock(&mutex_);
    while (Call* call = open_to_all_.TurnOut()) {
      cancelled.push_back(Prepare(*call, full));
    }
    while (Call* call = unread_.TurnOut()) {
      cancelled.push_back(Prepare(*call, unread));
    }
  }
  Cancel(cancelled);
}

void OpenCalls::CancelIf(const std::function<absl::Status(const Call&)>& why) {
  std::vector<Cancelled> cancelled;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [call, owner] : calls_) {
      absl::Status status = why(*call);
      if (!status.ok()) cancelled.push_back(Prepare(*call, std::move(status)));
    }
  }
  Cancel(cancelled);
}

OpenCalls::Cancelled OpenCalls::Prepare(Call& call, absl::Status status) {
  call.SetCancelReason(status);
  grpc_call_ref(call.grpc());
  return {.call = call.grpc(), .status = std::move(status)};
}

void OpenCalls::Cancel(const std::vector<Cancelled>& all) {
  for (const auto& [call, status] : all) {
    grpc_call_cancel_with_status(
        call, static_cast<grpc_status_code>(status.code()),
        std::string(status.message()).c_str(), nullptr);
    grpc_call_unref(call);
  }
}

}  // namespace tcptool::server
