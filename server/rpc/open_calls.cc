#include "server/rpc/open_calls.h"

#include <grpc/grpc.h>

#include <string>
#include <utility>
#include <vector>

namespace tcptool::server {

void OpenCalls::Add(std::shared_ptr<Call> call) {
  Call* const key = call.get();
  absl::MutexLock lock(&mutex_);
  if (key->required() == Role::kNone) ++open_to_all_;
  calls_.emplace(key, std::move(call));
}

void OpenCalls::Remove(Call* call) {
  std::shared_ptr<Call> last;  // Destroyed after the lock is released.
  absl::MutexLock lock(&mutex_);
  const auto found = calls_.find(call);
  if (found == calls_.end()) return;
  if (call->required() == Role::kNone) --open_to_all_;
  last = std::move(found->second);
  calls_.erase(found);
}

size_t OpenCalls::open_to_all() const {
  absl::MutexLock lock(&mutex_);
  return open_to_all_;
}

void OpenCalls::CancelIf(const std::function<absl::Status(const Call&)>& why) {
  std::vector<std::pair<grpc_call*, absl::Status>> cancelled;
  {
    // gRPC's call object exists until the call is removed, so it is safe to
    // take a reference under the lock.
    absl::MutexLock lock(&mutex_);
    for (const auto& [call, owner] : calls_) {
      absl::Status status = why(*call);
      if (status.ok()) continue;
      call->SetCancelReason(status);
      grpc_call_ref(call->grpc());
      cancelled.emplace_back(call->grpc(), std::move(status));
    }
  }
  // Not under the lock: gRPC may call reactions from within.
  for (const auto& [call, status] : cancelled) {
    grpc_call_cancel_with_status(
        call, static_cast<grpc_status_code>(status.code()),
        std::string(status.message()).c_str(), nullptr);
    grpc_call_unref(call);
  }
}

}  // namespace tcptool::server
