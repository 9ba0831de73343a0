// The calls that go on.
#ifndef TCPTOOL_SERVER_RPC_OPEN_CALLS_H_
#define TCPTOOL_SERVER_RPC_OPEN_CALLS_H_

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/base/steady_cond_var.h"
#include "server/rpc/call.h"
#include "server/rpc/call_room.h"

namespace tcptool::server {

// Bounds what the calls hold together: beyond that, MakeRoom() cancels those
// that have held their share the longest. Any thread may call any method.
class OpenCalls {
 public:
  // Calls that everybody may make, at a time: each may hold a message. Those
  // that were cancelled, and that gRPC is about to end, do not count.
  static constexpr size_t kMaxOpenToAll = 64;
  // Bytes of messages that clients have not taken yet.
  static constexpr size_t kMaxUnreadBytes = 128 << 20;

  void Add(std::shared_ptr<Call> call);
  void Remove(Call* call);
  // Waits until no call is open, at most for `timeout`. True: none is.
  bool WaitUntilNone(std::chrono::nanoseconds timeout);

  // `call` sends a message of so many bytes; its client has taken it.
  void Sends(Call* call, size_t bytes);
  void HasSent(Call* call);

  // Cancels the calls for which there is no room, with RESOURCE_EXHAUSTED. To
  // be called whenever a call was added, and now and then; not with a lock that
  // reactions of gRPC's take.
  void MakeRoom();

  // Cancels each call for which `why` is an error, with that as its status; the
  // client gets it, whatever the call is waiting for.
  void CancelIf(const std::function<absl::Status(const Call&)>& why);

 private:
  struct Cancelled {
    grpc_call* call;  // A reference to it.
    absl::Status status;
  };

  // gRPC's object of a call exists until the call is removed, so that a
  // reference to it can be taken under the lock.
  static Cancelled Prepare(Call& call, absl::Status status);
  // Not under the lock: gRPC may call reactions from within.
  static void Cancel(const std::vector<Cancelled>& all);

  absl::Mutex mutex_;
  absl::flat_hash_map<Call*, std::shared_ptr<Call>> calls_
      ABSL_GUARDED_BY(mutex_);
  SteadyCondVar none_;  // Notified when the last call is removed.
  CallRoom open_to_all_ ABSL_GUARDED_BY(mutex_){kMaxOpenToAll};
  CallRoom unread_ ABSL_GUARDED_BY(mutex_){kMaxUnreadBytes};
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_OPEN_CALLS_H_
