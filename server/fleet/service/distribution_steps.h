// What is written to etcd to cancel, delete or retry a distribution.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_STEPS_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_STEPS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "etcd/rpc.pb.h"
#include "server/fleet/state/fleet_state.h"

namespace tcptool::fleet {

struct DistributionStep {
  etcdserverpb::TxnRequest request;
  // Another step follows, once this one has been carried out.
  bool has_next = false;
};

// Each is a pure function of what etcd has of a distribution that has a spec.
// None: there is nothing to be done. A step is carried out only if what it was
// made from is still so.

// `unchanged`: only if the coordinator has not written its head since.
std::optional<DistributionStep> CancelStep(const FleetKeys& keys,
                                           const std::string& id,
                                           const Distribution& distribution,
                                           bool unchanged, absl::Time now);

// FAILED_PRECONDITION: it is not final, and `force` is not set.
absl::StatusOr<std::optional<DistributionStep>> DeleteStep(
    const FleetKeys& keys, const std::string& id,
    const Distribution& distribution, bool force);

// Deletes the records of deliveries that have failed, and that of the source of
// a file that no target has, so many at a time as fit into a transaction; the
// last step makes the head go on. Whoever is stopped in
// between leaves a final distribution that can be tried again. The coordinator
// writes no final head, so that nobody else writes this one.
std::optional<DistributionStep> RetryStep(const FleetKeys& keys,
                                          const std::string& id,
                                          const Distribution& distribution,
                                          absl::Time now);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_STEPS_H_
