// What the coordinator does while it is the one.
#ifndef TCPTOOL_SERVER_FLEET_COORDINATOR_PLAN_WRITER_H_
#define TCPTOOL_SERVER_FLEET_COORDINATOR_PLAN_WRITER_H_

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/state/fleet_keys.h"
#include "server/fleet/state/fleet_state.h"

namespace tcptool::fleet {

struct PlanWriterOptions {
  FleetKeys keys;
  // The create revision of the coordinator's key.
  int64_t coordinator = 0;
  // Transactions that were made with the same revision may still be carried
  // out.
  bool is_continued = false;
  // What changes within so long is decided on together.
  std::chrono::milliseconds pause = std::chrono::milliseconds(100);
  std::function<absl::Time()> now = absl::Now;
};

// Watches all of a fleet, decides when something has changed, and writes one
// transaction after the other. It decides on nothing before it has seen all
// that it has written itself. After a transaction whose outcome is unknown it
// lists everything again, and writes the head of that distribution as it is
// before anything else of it, so that the transaction cannot come later.
//
// All is on the thread of `executor`.
class PlanWriter {
 public:
  struct Events {
    // The guard of a transaction did not hold: the coordinator may be another.
    std::function<void()> refused;
    // A call of etcd's has failed, and will be tried again.
    std::function<void(const absl::Status&)> trouble;
  };

  // `etcd` must outlive it.
  PlanWriter(const asio::any_io_executor& executor, EtcdCalls* etcd,
             PlanWriterOptions options, Events events);
  // Writes nothing any more; none of the events comes.
  ~PlanWriter();
  PlanWriter(const PlanWriter&) = delete;
  PlanWriter& operator=(const PlanWriter&) = delete;

  // What it has seen of the fleet so far; while it lists again, what it had
  // seen before: who is slow and how far nodes are is known by it.
  const FleetState& state() const;

  // A node was found to take a distribution's content too slowly. Ignored if it
  // has no edge there, as far as is known at the moment.
  void ReportSlow(const std::string& distribution, const std::string& node);

 private:
  class Writer;
  const std::shared_ptr<Writer> writer_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COORDINATOR_PLAN_WRITER_H_
