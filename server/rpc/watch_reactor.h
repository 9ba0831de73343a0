// One WatchSessions stream.
#ifndef TCPTOOL_SERVER_RPC_WATCH_REACTOR_H_
#define TCPTOOL_SERVER_RPC_WATCH_REACTOR_H_

#include <chrono>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/call.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Writes one message at a time, and takes the next changes from the table when
// the client has taken that: a slow client costs a message of memory, and gets
// the newest state.
class WatchReactor : public Call, public Watcher {
 public:
  // The others outlive the call.
  WatchReactor(Headers headers, const SessionTable& table, WatchHub& hub)
      : Call(std::move(headers)), table_(table), hub_(hub) {}

  void Begin() override { Read(); }
  void Wake() override;
  void Stop() override;

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // The request; after it there is nothing to read.
  void OnRead(bool ok) override;
  absl::Status Open(const v1::WatchSessionsRequest& request);
  // Writes the next message if there is one, or finishes.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The next changes, and a bookmark where one is due. False: there is nothing,
  // or the watch has ended, since the client is too slow.
  bool Fill(v1::WatchSessionsResponse& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool BookmarkIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndOnce(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SessionTable& table_;
  WatchHub& hub_;
  absl::Mutex mutex_;
  // The hub may have it for longer than gRPC; until OnDone().
  std::shared_ptr<Watcher> watcher_ ABSL_GUARDED_BY(mutex_);
  SessionTable::Filter filter_ ABSL_GUARDED_BY(mutex_);
  SessionTable::Cursor cursor_ ABSL_GUARDED_BY(mutex_);
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
