// The sessions that the service has, live and finished: how many, and for how
// long.
#ifndef TCPTOOL_SERVER_SESSIONS_HELD_SESSIONS_H_
#define TCPTOOL_SERVER_SESSIONS_HELD_SESSIONS_H_

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/sessions/request_ids.h"
#include "server/sessions/retention.h"
#include "server/store/store.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// To purge a session is to take it out of everything that holds it: the table,
// the store, the retention; its request id remembers that it is deleted. Only
// finished ones are purged.
//
// Not for several threads.
class HeldSessions {
 public:
  // Limit of the records of recipients that were not expected, over all
  // finished sessions. Those of the sessions that finished first are dropped
  // first; the sessions' counts still include them.
  static constexpr size_t kMaxRecords = 200'000;

  using Done = std::function<void(absl::Status)>;

  // The references outlive it.
  HeldSessions(size_t max_sessions, SessionTable& table, WatchHub& hub,
               Store& store, RequestIds& request_ids)
      : max_sessions_(max_sessions),
        table_(table),
        hub_(hub),
        store_(store),
        request_ids_(request_ids) {}

  // RESOURCE_EXHAUSTED: the limit is reached, and no session can be purged.
  absl::Status CheckRoom() const;
  // A session was added to the table.
  void Add() { ++count_; }
  // A session that was added has finished, and is in the table. `session` has
  // its spec.
  void AddFinished(const v1::Session& session);

  // No effect if it has not finished, or does not exist.
  void Purge(const std::string& name);
  // Purges, and calls `done` on `executor` when that is durable.
  void PurgeDurably(const std::string& name, asio::any_io_executor executor,
                    Done done);
  // Purges the sessions that ended first until the limit is kept.
  void PurgeSurplus();
  void PurgeExpired(absl::Time now);

 private:
  // How many records of recipients that nobody expected a finished session has.
  struct Records {
    std::string session_name;
    uint64_t expected = 0;  // The numbers up to this are kept.
    size_t count = 0;
  };

  const size_t max_sessions_;
  SessionTable& table_;
  WatchHub& hub_;
  Store& store_;
  RequestIds& request_ids_;
  size_t count_ = 0;
  Retention retention_;
  // In the order in which the sessions finished; those with none are left out.
  std::list<Records> records_;
  absl::flat_hash_map<std::string, std::list<Records>::iterator> records_of_;
  size_t record_count_ = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_HELD_SESSIONS_H_
