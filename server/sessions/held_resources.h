// The sessions, or receptions, that the service has, live and finished: how
// many, and for how long.
#ifndef TCPTOOL_SERVER_SESSIONS_HELD_RESOURCES_H_
#define TCPTOOL_SERVER_SESSIONS_HELD_RESOURCES_H_

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/steady_time.h"
#include "server/sessions/request_ids.h"
#include "server/sessions/retention.h"
#include "server/store/store.h"
#include "server/watch/watch_hub.h"

namespace tcptool::server {

// To purge a resource is to remove it from everything that holds it: its table,
// the store and the retention; its request id remembers that it was deleted.
// Only finished ones are purged. (Delete is the API's word, and the store's for
// its rows; Remove is a table's.)
//
// Not for several threads.
class HeldResources {
 public:
  using Done = std::function<void(absl::Status)>;
  // Takes it out of its table, and out of the store.
  using Forget = std::function<void(const std::string& name)>;

  // The references outlive it.
  HeldResources(size_t max, WatchHub& hub, Store& store,
                RequestIds& request_ids, Forget forget)
      : max_(max),
        hub_(hub),
        store_(store),
        request_ids_(request_ids),
        forget_(std::move(forget)) {}

  size_t count() const { return count_; }
  // Whether one more can be held, if need be in place of a finished one.
  bool HasRoom() const { return count_ < max_ || retention_.Oldest(); }

  // One was added to its table.
  void Add() { ++count_; }
  // One that was added has finished, and is in its table.
  void AddFinished(const std::string& name, absl::Time end,
                   absl::Duration kept) {
    retention_.Add(name, SteadyTimeOf(end), kept);
  }

  // Of one that has finished: it is kept for another time.
  void SetRetention(const std::string& name, absl::Time end,
                    absl::Duration kept) {
    if (retention_.Remove(name)) AddFinished(name, end, kept);
  }

  // No effect if it has not finished, or does not exist.
  void Purge(const std::string& name);
  // Purges, and calls `done` on `executor` when that is durable.
  void PurgeDurably(const std::string& name, asio::any_io_executor executor,
                    Done done);
  // Purges those that ended first until the limit is kept.
  void PurgeSurplus();
  void PurgeExpired(Retention::Clock::time_point now);

 private:
  const size_t max_;
  WatchHub& hub_;
  Store& store_;
  RequestIds& request_ids_;
  const Forget forget_;
  size_t count_ = 0;
  Retention retention_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_HELD_RESOURCES_H_
