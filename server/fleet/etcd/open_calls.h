// The calls that gRPC has not finished.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_OPEN_CALLS_H_
#define TCPTOOL_SERVER_FLEET_ETCD_OPEN_CALLS_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::fleet {

// A call of gRPC's that can be cancelled, by any thread, at any time.
class OpenCall {
 public:
  virtual ~OpenCall() = default;
  virtual void Cancel() = 0;
};

// Keeps calls until gRPC has done with them. Any thread may call any method.
//
// A call holds its channel, and gRPC 1.51 aborts when one of its own threads
// lets go of the last channel. So in a callback of gRPC's, Remove() comes when
// nothing there holds the call, or the client, any more.
class OpenCalls {
 public:
  void Add(const std::shared_ptr<OpenCall>& call) {
    absl::MutexLock lock(&mutex_);
    calls_.emplace(call.get(), call);
  }
  // gRPC has done with it.
  void Remove(const OpenCall* call) {
    absl::MutexLock lock(&mutex_);
    calls_.erase(call);
  }

  // Nothing is added any more. Waits for gRPC, for as long as that takes to
  // hear of it: milliseconds.
  void CancelAll() {
    Calls calls;
    {
      absl::MutexLock lock(&mutex_);
      calls = calls_;
    }
    for (const auto& [key, call] : calls) call->Cancel();
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](Calls* left) { return left->empty(); }, &calls_));
  }

 private:
  using Calls = absl::flat_hash_map<const OpenCall*, std::shared_ptr<OpenCall>>;

  absl::Mutex mutex_;
  Calls calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_OPEN_CALLS_H_
