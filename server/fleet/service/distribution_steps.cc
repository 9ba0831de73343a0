#include "server/fleet/service/distribution_steps.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "messages/distribution_states.h"
#include "messages/time.h"
#include "server/api/errors.h"
#include "server/fleet/coordinator/targets.h"
#include "server/fleet/etcd/prefix_watch.h"
#include "server/fleet/etcd/transaction.h"
#include "server/fleet/service/fleet_messages.h"

namespace tcptool::fleet {
namespace {

// etcd allows 128 operations in a transaction, and as many comparisons.
constexpr size_t kDeliveriesInStep = 100;

using etcdserverpb::TxnRequest;

// It is still this distribution, and not another one of its name.
TxnRequest BeginStep(const FleetKeys& keys, const std::string& id,
                     const Distribution& distribution) {
  TxnRequest request;
  GuardCreation(request, keys.Spec(id), distribution.spec->create_revision);
  return request;
}

void GuardHead(TxnRequest& request, const FleetKeys& keys,
               const std::string& id, const Distribution& distribution) {
  GuardValue(request, keys.Head(id),
             distribution.head ? distribution.head->mod_revision : 0);
}

bool IsFinalNow(const Distribution& distribution) {
  return ::tcptool::IsFinal(StateOf(distribution));
}

bool IsFileSource(const Distribution& distribution, const std::string& node) {
  const v1::DistributionSpec& spec = distribution.spec->value;
  return spec.has_file() && spec.source_node() == node;
}

// A target, that is: the source's file may be another one by now.
bool SomebodyHasIt(const Distribution& distribution) {
  const v1::Content* const content = ContentOf(distribution);
  return std::any_of(distribution.deliveries.begin(),
                     distribution.deliveries.end(), [&](const auto& delivery) {
                       return !IsFileSource(distribution, delivery.first) &&
                              ProgressOf(distribution, delivery.first,
                                         content) == Progress::kDelivered;
                     });
}

// The nodes, the source included, that have failed to get the content; and the
// source if it has to read its file anew, as nobody else has what it was.
std::vector<std::string> NodesToTryAgain(const Distribution& distribution) {
  std::vector<std::string> nodes;
  const v1::Content* const content = ContentOf(distribution);
  const bool somebody_has_it = SomebodyHasIt(distribution);
  for (const auto& [node, delivery] : distribution.deliveries) {
    if (ProgressOf(distribution, node, content) == Progress::kFailed ||
        (!somebody_has_it && IsFileSource(distribution, node))) {
      nodes.push_back(node);
    }
  }
  return nodes;
}

// Of a final one, as it goes on.
v1::Head HeadToGoOn(const Distribution& distribution) {
  v1::Head head = distribution.head->value;
  head.set_state(head.epoch() > 0 ? v1::DISTRIBUTION_STATE_RUNNING
                                  : v1::DISTRIBUTION_STATE_PLANNING);
  head.clear_detail();
  head.clear_end_time();
  if (!SomebodyHasIt(distribution)) head.clear_content();
  return head;
}

}  // namespace

std::optional<DistributionStep> CancelStep(const FleetKeys& keys,
                                           const std::string& id,
                                           const Distribution& distribution,
                                           bool unchanged, absl::Time now) {
  if (IsFinalNow(distribution) || distribution.is_cancel_requested) {
    return std::nullopt;
  }
  DistributionStep step = {.request = BeginStep(keys, id, distribution)};
  if (unchanged) GuardHead(step.request, keys, id, distribution);
  v1::CancelRequest cancel;
  *cancel.mutable_request_time() = ToTimestamp(now);
  Put(step.request, keys.Cancel(id), cancel.SerializeAsString());
  return step;
}

absl::StatusOr<std::optional<DistributionStep>> DeleteStep(
    const FleetKeys& keys, const std::string& id,
    const Distribution& distribution, bool force) {
  if (!force && !IsFinalNow(distribution)) {
    return server::FailedPrecondition(
        api::ERROR_REASON_RESOURCE_NOT_FINISHED, DistributionName(id),
        absl::StrCat(DistributionName(id), " is ",
                     StateName(StateOf(distribution)),
                     "; cancel it first, or set force"));
  }
  DistributionStep step = {.request = BeginStep(keys, id, distribution)};
  // It may have been tried again.
  if (!force) GuardHead(step.request, keys, id, distribution);
  etcdserverpb::DeleteRangeRequest& all =
      *step.request.add_success()->mutable_request_delete_range();
  all.set_key(keys.Distribution(id));
  all.set_range_end(EndOfPrefix(keys.Distribution(id)));
  return step;
}

std::optional<DistributionStep> RetryStep(const FleetKeys& keys,
                                          const std::string& id,
                                          const Distribution& distribution,
                                          absl::Time now) {
  if (!IsFinalNow(distribution) ||
      StateOf(distribution) == api::DISTRIBUTION_STATE_SUCCEEDED) {
    return std::nullopt;
  }
  DistributionStep step = {.request = BeginStep(keys, id, distribution)};
  GuardHead(step.request, keys, id, distribution);
  std::vector<std::string> nodes = NodesToTryAgain(distribution);
  step.has_next = nodes.size() > kDeliveriesInStep;
  nodes.resize(std::min(nodes.size(), kDeliveriesInStep));
  for (const std::string& node : nodes) {
    GuardValue(step.request, keys.Delivery(id, node),
               distribution.deliveries.at(node).mod_revision);
    Delete(step.request, keys.Delivery(id, node));
  }
  if (step.has_next) return step;
  if (distribution.is_cancel_requested) Delete(step.request, keys.Cancel(id));
  v1::DistributionSpec spec = distribution.spec->value;
  if (spec.has_expire_after()) {
    *spec.mutable_expire_time() =
        ToTimestamp(now + ToDuration(spec.expire_after()));
    Put(step.request, keys.Spec(id), spec.SerializeAsString());
  }
  Put(step.request, keys.Head(id),
      HeadToGoOn(distribution).SerializeAsString());
  return step;
}

}  // namespace tcptool::fleet
