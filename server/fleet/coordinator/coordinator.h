// A node's part in coordinating its fleet.
#ifndef TCPTOOL_SERVER_FLEET_COORDINATOR_COORDINATOR_H_
#define TCPTOOL_SERVER_FLEET_COORDINATOR_COORDINATOR_H_

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/fleet/coordinator/plan_writer.h"
#include "server/fleet/coordinator/progress_book.h"
#include "server/fleet/coordinator/slow_edges.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/membership/leased_key.h"
#include "server/fleet/state/edge_rate.h"
#include "server/fleet/state/fleet_keys.h"
#include "server/fleet/state/node_progress.h"

namespace tcptool::fleet {

struct CoordinatorOptions {
  FleetKeys keys;
  std::string node;  // The name of this one.
  // See PlanWriterOptions.
  std::chrono::milliseconds pause = std::chrono::milliseconds(100);
  std::function<absl::Time()> now = absl::Now;
};

// Every node of a fleet has one. It is a candidate until the coordinator's key
// is free and it gets it; then it plans all distributions, from what etcd has,
// until it loses the key. A daemon with --fleet has it on the thread of its
// EtcdClient; PeerService passes on to it what nodes report.
//
// All is on the thread of `executor`.
class Coordinator {
 public:
  struct Events {
    // Whether this node is the coordinator has changed.
    std::function<void(bool is_coordinator)> changed;
    // A node was found to be slow, and will be planned to the end.
    std::function<void(const SlowNode&)> slow;
    // A call of etcd's has failed, and will be tried again.
    std::function<void(const absl::Status&)> trouble;
  };

  // `etcd` must outlive it.
  Coordinator(const asio::any_io_executor& executor, EtcdCalls* etcd,
              CoordinatorOptions options, Events events);
  // Plans nothing any more. Its key goes with its lease.
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  bool is_coordinator() const { return writer_ != nullptr; }

  // What a node tells of its edges. Those that are not in force are ignored;
  // whoever is no coordinator ignores all. `now`: see SlowEdges.
  void ReportRates(const EdgeRates& rates, SlowEdges::Time now);

  // What a node tells of how far it is; and what was told of a distribution:
  // see ProgressBook. Whoever is no coordinator ignores all, and knows nothing.
  void ReportProgress(const std::vector<NodeProgress>& progress,
                      ProgressBook::Time now);
  std::vector<NodeProgress> ProgressOf(const std::string& distribution,
                                       int64_t revision,
                                       ProgressBook::Time now);

  // Lets another be the coordinator at once. `done` is called in any case; no
  // event comes any more.
  void Resign(std::function<void(const absl::Status&)> done);

 private:
  void Begin(int64_t create_revision);
  void StepDown();

  const asio::any_io_executor executor_;
  EtcdCalls* const etcd_;
  const CoordinatorOptions options_;
  const Events events_;
  int64_t last_term_ = 0;  // The create revision that the key had when it led.
  std::unique_ptr<PlanWriter> writer_;  // While it is the coordinator.
  SlowEdges slow_edges_;                // What was told since it is.
  ProgressBook progress_;               // The same.
  LeasedKey key_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COORDINATOR_COORDINATOR_H_
