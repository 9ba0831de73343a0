// The sessions that the service has, live and finished: how many, and for how
// long.
#ifndef TCPTOOL_SERVER_SESSIONS_HELD_SESSIONS_H_
#define TCPTOOL_SERVER_SESSIONS_HELD_SESSIONS_H_

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/sessions/held_resources.h"
#include "server/sessions/request_ids.h"
#include "server/store/store.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// HeldResources of sessions, with one limit more: the number of records that
// the finished ones have. Not for several threads.
class HeldSessions {
 public:
  // Limit of the records of recipients that were not expected, over all
  // finished sessions. Those of the sessions that finished first are dropped
  // first; the sessions' counts still include them.
  static constexpr size_t kMaxRecords = 200'000;

  using Done = HeldResources::Done;

  // The references outlive it.
  HeldSessions(size_t max_sessions, SessionTable& table, WatchHub& hub,
               Store& store, RequestIds& request_ids)
      : table_(table),
        store_(store),
        held_(max_sessions, hub, store, request_ids,
              [this](const std::string& name) { Forget(name); }) {}

  // RESOURCE_EXHAUSTED: the limit is reached, and no session can be purged.
  absl::Status CheckRoom() const;
  // A session was added to the table.
  void Add() { held_.Add(); }
  // A session that was added has finished, and is in the table. `session` has
  // its spec.
  void AddFinished(const v1::Session& session);

  // The spec of one that has finished has changed.
  void SetRetention(const v1::Session& session);

  // As those of HeldResources.
  void Purge(const std::string& name) { held_.Purge(name); }
  void PurgeDurably(const std::string& name, asio::any_io_executor executor,
                    Done done) {
    held_.PurgeDurably(name, std::move(executor), std::move(done));
  }
  void PurgeSurplus() { held_.PurgeSurplus(); }
  void PurgeExpired(Retention::Clock::time_point now) {
    held_.PurgeExpired(now);
  }

 private:
  // How many records of recipients that nobody expected a finished session has.
  struct Records {
    std::string session_name;
    uint64_t expected = 0;  // The numbers up to this, the highest of one that
                            // is expected, are kept.
    size_t count = 0;
  };

  void Forget(const std::string& name);

  SessionTable& table_;
  Store& store_;
  // In the order in which the sessions finished; those with none are left out.
  std::list<Records> records_;
  absl::flat_hash_map<std::string, std::list<Records>::iterator> records_of_;
  size_t record_count_ = 0;
  HeldResources held_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_HELD_SESSIONS_H_
