// The calls that are open.
#ifndef TCPTOOL_SERVER_RPC_OPEN_CALLS_H_
#define TCPTOOL_SERVER_RPC_OPEN_CALLS_H_

#include <chrono>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/call.h"

namespace tcptool::server {

// Any thread may call any method.
class OpenCalls {
 public:
  void Add(std::shared_ptr<Call> call);
  void Remove(Call* call);

  // How many calls there are that everybody may make.
  size_t open_to_all() const;

  // Cancels each call for which `why` is an error, with that as its status; the
  // client gets it, whatever the call is waiting for.
  void CancelIf(const std::function<absl::Status(const Call&)>& why);

 private:
  mutable absl::Mutex mutex_;
  size_t open_to_all_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<Call*, std::shared_ptr<Call>> calls_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_OPEN_CALLS_H_
