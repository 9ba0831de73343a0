// One WatchSessions stream.
#ifndef TCPTOOL_SERVER_RPC_WATCH_REACTOR_H_
#define TCPTOOL_SERVER_RPC_WATCH_REACTOR_H_

#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Writes one message at a time, and takes the next changes from the table when
// the client has taken that: a slow client costs a message of memory, and gets
// the newest state. Frees itself when gRPC is done with it.
class WatchReactor : public grpc::ServerWriteReactor<v1::WatchSessionsResponse>,
                     public Watcher {
 public:
  static WatchReactor* Start(const SessionTable& table, WatchHub& hub,
                             const v1::WatchSessionsRequest& request);

  WatchReactor(const SessionTable& table, WatchHub& hub)
      : table_(table), hub_(hub) {}

  void Wake() override;
  void Stop() override;

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Clock = std::chrono::steady_clock;

  absl::Status Open(const v1::WatchSessionsRequest& request);
  // Writes the next message if there is one, or finishes.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The next changes, and a bookmark where one is due. False: there is nothing.
  bool Fill() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool BookmarkIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SessionTable& table_;
  WatchHub& hub_;
  absl::Mutex mutex_;
  // Until OnDone(). The hub may have it for longer.
  std::shared_ptr<WatchReactor> self_ ABSL_GUARDED_BY(mutex_);
  SessionTable::Filter filter_ ABSL_GUARDED_BY(mutex_);
  SessionTable::Cursor cursor_ ABSL_GUARDED_BY(mutex_);
  v1::WatchSessionsResponse response_ ABSL_GUARDED_BY(mutex_);  // The last.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // When that is written there may be more. Otherwise it waits to be woken:
  // what changes meanwhile is told together.
  bool more_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t bookmark_ ABSL_GUARDED_BY(mutex_) = 0;  // The last one's revision.
  // Since the last bookmark a session has ended.
  bool end_seen_ ABSL_GUARDED_BY(mutex_) = false;
  Clock::time_point bookmark_time_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_WATCH_REACTOR_H_
