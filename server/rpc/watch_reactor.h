// One stream of WatchSessions, WatchReceptions or WatchDistributions.
#ifndef TCPTOOL_SERVER_RPC_WATCH_REACTOR_H_
#define TCPTOOL_SERVER_RPC_WATCH_REACTOR_H_

#include <chrono>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/fleet/service/distribution_table.h"
#include "server/rpc/call.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/distribution_service.pb.h"
#include "tcptool/v1/reception_service.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// What is watched.
struct SessionWatch {
  using Table = SessionTable;
  using Request = v1::WatchSessionsRequest;
  using Response = v1::WatchSessionsResponse;

  static SessionFilter FilterOf(const Request& request);
  // Whether the change tells of an end.
  static bool IsEnd(const v1::Change& change) {
    return change.session().has_end_time();
  }
};
struct ReceptionWatch {
  using Table = ReceptionTable;
  using Request = v1::WatchReceptionsRequest;
  using Response = v1::WatchReceptionsResponse;

  static Table::Filter FilterOf(const Request& request);
  static bool IsEnd(const v1::ReceptionChange& change) {
    return change.reception().has_end_time();
  }
};
struct DistributionWatch {
  using Table = fleet::DistributionTable;
  using Request = v1::WatchDistributionsRequest;
  using Response = v1::WatchDistributionsResponse;

  static Table::Filter FilterOf(const Request& request);
  static bool IsEnd(const v1::DistributionChange& change) {
    return change.distribution().has_end_time();
  }
};

// Writes one message at a time, and takes the next changes from the table when
// the client has taken it: a slow client costs the memory of one message, and
// gets the newest state.
template <typename Watch>
class WatchReactor : public Call, public Watcher {
 public:
  using Table = typename Watch::Table;

  // The others outlive the call.
  WatchReactor(Headers headers, const Table& table, WatchHub& hub)
      : Call(std::move(headers)), table_(table), hub_(hub) {}

  void Begin() override { Read(); }
  void Wake() override;
  void Stop() override;

  void OnWritten(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // The request; the client sends nothing after it.
  void OnRead(bool ok) override;
  absl::Status Open(const typename Watch::Request& request);
  // Writes the next message if there is one, or finishes.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds the next changes, and a bookmark if one is due. False: there is
  // nothing to send, or the client was too slow and the watch has ended.
  bool Fill(typename Watch::Response& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool BookmarkIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndOnce(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Table& table_;
  WatchHub& hub_;
  absl::Mutex mutex_;
  // The hub may hold it longer than gRPC; set until OnDone().
  std::shared_ptr<Watcher> watcher_ ABSL_GUARDED_BY(mutex_);
  typename Table::Filter filter_ ABSL_GUARDED_BY(mutex_);
  typename Table::Cursor cursor_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // Whether there may be more to send once the current message is written.
  // Otherwise the watch waits to be woken, so that changes in between share a
  // message.
  bool more_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t bookmark_ ABSL_GUARDED_BY(mutex_) = 0;  // Revision of the last one.
  // Since the last bookmark something has ended.
  bool end_seen_ ABSL_GUARDED_BY(mutex_) = false;
  Clock::time_point bookmark_time_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_WATCH_REACTOR_H_
