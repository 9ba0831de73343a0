// One call of WaitSession.
#ifndef TCPTOOL_SERVER_RPC_WAIT_REACTOR_H_
#define TCPTOOL_SERVER_RPC_WAIT_REACTOR_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/call.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Looks at its session whenever the hub wakes its watchers, which is when
// something has changed, and once a second: so it needs no timer.
class WaitReactor : public Call, public Watcher {
 public:
  static constexpr std::chrono::seconds kLongest{300};

  // The others outlive the call.
  WaitReactor(Headers headers, const SessionTable& table, WatchHub& hub)
      : Call(std::move(headers)), table_(table), hub_(hub) {}

  void Begin() override { Read(); }
  void Wake() override;
  void Stop() override;

  void OnCancel() override;
  void OnDone() override;

 private:
  // The request; the client sends nothing after it.
  void OnRead(bool ok) override;
  // Whether there is something to wait for.
  bool Open(const v1::WaitSessionRequest& request);
  // Answers if the session has ended, is gone, or the time is over.
  void AnswerIfDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndOnce(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SessionTable& table_;
  WatchHub& hub_;
  absl::Mutex mutex_;
  // The hub may hold it longer than gRPC; set until OnDone().
  std::shared_ptr<Watcher> watcher_ ABSL_GUARDED_BY(mutex_);
  std::string name_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point deadline_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_WAIT_REACTOR_H_
