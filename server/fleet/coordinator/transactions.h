// The transactions with which a coordinator writes what it has decided.
#ifndef TCPTOOL_SERVER_FLEET_COORDINATOR_TRANSACTIONS_H_
#define TCPTOOL_SERVER_FLEET_COORDINATOR_TRANSACTIONS_H_

#include <cstdint>
#include <deque>
#include <string>

#include "etcd/rpc.pb.h"
#include "server/fleet/coordinator/decision.h"
#include "server/fleet/state/fleet_keys.h"
#include "server/fleet/state/fleet_state.h"

namespace tcptool::fleet {

struct DistributionTransaction {
  std::string distribution;
  etcdserverpb::TxnRequest request;
};

// The edges, at most 120 in each transaction, and then the head, which brings
// them into force: whoever is stopped in between has changed nothing for the
// nodes. Each is carried out only if
// - the coordinator's key is the one of `coordinator`, its create revision;
// - the spec is still there, so that nothing is written of a distribution that
//   has been deleted;
// - the head is what the decision was made on.
std::deque<DistributionTransaction> TransactionsOf(
    const FleetKeys& keys, const DistributionChange& change,
    int64_t coordinator);

// Writes the head of a distribution as it is, or an empty one of a distribution
// that has none. After it, no transaction that was made before can be carried
// out any more, as the head is not what they compare.
DistributionTransaction Fence(const FleetKeys& keys, const std::string& name,
                              const Distribution& distribution,
                              int64_t coordinator);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_COORDINATOR_TRANSACTIONS_H_
