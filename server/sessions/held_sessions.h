// The sessions that the service has, live and finished: how many, and for how
// long.
#ifndef TCPTOOL_SERVER_SESSIONS_HELD_SESSIONS_H_
#define TCPTOOL_SERVER_SESSIONS_HELD_SESSIONS_H_

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/sessions/retention.h"
#include "server/store/store.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// To purge a session is to take it out of everything that holds it: the table,
// the store, the retention. Only finished ones are purged.
//
// Not for several threads.
class HeldSessions {
 public:
  using Done = std::function<void(absl::Status)>;

  // The references outlive it.
  HeldSessions(size_t max_sessions, SessionTable& table, WatchHub& hub,
               Store& store)
      : max_sessions_(max_sessions), table_(table), hub_(hub), store_(store) {}

  // RESOURCE_EXHAUSTED: there are as many as may be, and none can be purged.
  absl::Status CheckRoom() const;
  // There is one more, in the table.
  void Add() { ++count_; }
  // One that was added has ended. `session` has its spec.
  void AddFinished(const v1::Session& session) { retention_.Add(session); }

  // Does nothing if it has not finished, or is not there.
  void Purge(const std::string& name);
  // Purges, and calls `done` on `executor` when that is durable.
  void PurgeDurably(const std::string& name, asio::any_io_executor executor,
                    Done done);
  // Purges those that ended first, until there are no more than may be.
  void PurgeSurplus();
  void PurgeExpired(absl::Time now);

 private:
  const size_t max_sessions_;
  SessionTable& table_;
  WatchHub& hub_;
  Store& store_;
  size_t count_ = 0;
  Retention retention_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_HELD_SESSIONS_H_
