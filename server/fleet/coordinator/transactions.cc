#include "server/fleet/coordinator/transactions.h"

#include <utility>

#include "server/fleet/etcd/transaction.h"

namespace tcptool::fleet {
namespace {

// etcd refuses more than 128 operations in a transaction by default.
constexpr int kEdgesInTransaction = 120;

// What all transactions of one distribution have.
DistributionTransaction Begin(const FleetKeys& keys, const std::string& name,
                              int64_t coordinator, int64_t spec_create_revision,
                              int64_t head_mod_revision) {
  DistributionTransaction begun = {.distribution = name};
  GuardCreation(begun.request, keys.Coordinator(), coordinator);
  GuardCreation(begun.request, keys.Spec(name), spec_create_revision);
  GuardValue(begun.request, keys.Head(name), head_mod_revision);
  return begun;
}

}  // namespace

std::deque<DistributionTransaction> TransactionsOf(
    const FleetKeys& keys, const DistributionChange& change,
    int64_t coordinator) {
  const auto begin = [&] {
    return Begin(keys, change.distribution, coordinator,
                 change.spec_create_revision, change.head_mod_revision);
  };
  std::deque<DistributionTransaction> transactions;
  for (const EdgeWrite& write : change.edges) {
    if (transactions.empty() ||
        transactions.back().request.success_size() == kEdgesInTransaction) {
      transactions.push_back(begin());
    }
    etcdserverpb::TxnRequest& request = transactions.back().request;
    const std::string key = keys.Edge(change.distribution, write.node);
    if (write.record) {
      Put(request, key, write.record->SerializeAsString());
    } else {
      Delete(request, key);
    }
  }
  Put(transactions.emplace_back(begin()).request,
      keys.Head(change.distribution), change.head.SerializeAsString());
  return transactions;
}

DistributionTransaction Fence(const FleetKeys& keys, const std::string& name,
                              const Distribution& distribution,
                              int64_t coordinator) {
  v1::Head head;
  head.set_state(v1::DISTRIBUTION_STATE_PLANNING);
  head.set_branching(1);
  if (distribution.head) head = distribution.head->value;
  DistributionTransaction fence =
      Begin(keys, name, coordinator, distribution.spec->create_revision,
            distribution.head ? distribution.head->mod_revision : 0);
  Put(fence.request, keys.Head(name), head.SerializeAsString());
  return fence;
}

}  // namespace tcptool::fleet
