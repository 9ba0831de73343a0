// What a node counts of its part in a fleet, independent of any metrics system.
#ifndef TCPTOOL_SERVER_FLEET_COUNTS_FLEET_COUNTS_H_
#define TCPTOOL_SERVER_FLEET_COUNTS_FLEET_COUNTS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/clock.h"
#include "tcptool/fleet/v1/fleet.pb.h"
#include "tcptool/v1/distribution.pb.h"

namespace tcptool::fleet {

// What is asked of etcd. A put or a deletion of its own is a transaction, too.
enum class EtcdCall { kRead, kTransaction, kLease, kWatch };
constexpr size_t kEtcdCalls = 4;

// Why it has failed: the codes that EtcdCalls explains, and all others.
enum class EtcdFailure {
  kUnavailable,
  kUnknown,
  kResourceExhausted,
  kPermissionDenied,
  kUnauthenticated,
  kOther,
};
constexpr size_t kEtcdFailures = 6;

// Deliveries to one node, by v1::DeliveryState. Who is the source of a
// distribution's file has none of it.
struct DeliveryCounts {
  // Of the distributions that are there, which the node has a part in.
  std::array<int64_t, v1::DeliveryState_ARRAYSIZE> held{};
  // How often one has become DELIVERED, FAILED or CANCELLED since the process
  // began.
  std::array<uint64_t, v1::DeliveryState_ARRAYSIZE> ended{};
};

// Of all distributions of a fleet, by tcptool::v1::DistributionState, and of
// the deliveries to their targets, by tcptool::v1::DeliveryState.
struct FleetTotals {
  std::array<int64_t, tcptool::v1::DistributionState_ARRAYSIZE> distributions{};
  std::array<int64_t, tcptool::v1::DeliveryState_ARRAYSIZE> deliveries{};
};

struct FleetMeasures {
  bool is_registered = false;
  bool is_coordinator = false;
  // How often the coordinator's key was seen to be of another term than before.
  uint64_t coordinator_changes = 0;
  uint64_t slow_nodes = 0;  // That this node has found, as the coordinator.
  int64_t nodes = 0;        // That are registered, as far as this one knows.
  DeliveryCounts deliveries;

  // Whether etcd has answered the last call that ended.
  bool is_etcd_reachable = false;
  // Since its last answer, or since the counts were made if there was none.
  std::chrono::nanoseconds etcd_silence{};
  // By EtcdCall and EtcdFailure.
  std::array<std::array<uint64_t, kEtcdFailures>, kEtcdCalls> etcd_failures{};

  // Receptions that came to another node than they were receiving from, or
  // were to: because of that one, or as the plan wanted it.
  uint64_t moves_by_fault = 0;
  uint64_t moves_by_plan = 0;

  std::optional<FleetTotals> totals;  // If the node is the coordinator.
};

// Any thread may call any method.
class FleetCounts {
 public:
  using Clock = dataplane::Clock;

  explicit FleetCounts(Clock::time_point now = Clock::now()) : heard_(now) {}

  void SetRegistered(bool is_registered);
  void SetCoordinator(bool is_coordinator);
  void SetDeliveries(const DeliveryCounts& deliveries);
  void FoundSlowNode();
  // What etcd has: `term` is the create revision of the coordinator's key, 0 if
  // nobody has it. The first term that is seen is no change.
  void Saw(int64_t term, size_t nodes);
  // How a call has ended: OK, or as EtcdCalls has errors. UNAVAILABLE, UNKNOWN,
  // DEADLINE_EXCEEDED and CANCELLED are no answers of etcd's.
  void Answered(EtcdCall call, const absl::Status& status,
                Clock::time_point now = Clock::now());

  // All but the moves and the totals.
  FleetMeasures Read(Clock::time_point now = Clock::now()) const;

 private:
  mutable absl::Mutex mutex_;
  FleetMeasures measures_ ABSL_GUARDED_BY(mutex_);
  int64_t term_ ABSL_GUARDED_BY(mutex_) = 0;  // The last that was seen.
  Clock::time_point heard_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COUNTS_FLEET_COUNTS_H_
