#include "server/fleet/follower/node_duties.h"

#include <algorithm>
#include <cstdint>

#include "server/fleet/state/values.h"

namespace tcptool::fleet {

DeliveryId IdOf(const std::string& name,
                const Stored<v1::DistributionSpec>& spec) {
  return {.distribution = name,
          .revision = spec.create_revision,
          .uid = spec.value.uid()};
}

bool IsOver(const Distribution& distribution) {
  return distribution.head && IsFinal(distribution.head->value.state());
}

bool IsUploadExpected(const Distribution& distribution,
                      v1::DeliveryState state) {
  if (state == v1::DELIVERY_STATE_DELIVERED) return false;
  return HasSomething(state) ||
         !(distribution.head && distribution.head->value.has_content());
}

bool HasEndedWell(const Distribution& distribution) {
  const v1::DistributionState state = distribution.head->value.state();
  return state == v1::DISTRIBUTION_STATE_SUCCEEDED ||
         state == v1::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED;
}

SendingLimits LimitsOf(const Distribution& distribution,
                       const std::string& node) {
  const v1::DistributionSpec& spec = distribution.spec->value;
  SendingLimits limits = {.total = spec.node_bytes_per_second()};
  if (node == spec.source_node() && spec.source_bytes_per_second() != 0) {
    limits.total = spec.source_bytes_per_second();
  }
  const int64_t epoch =
      distribution.head ? distribution.head->value.epoch() : 0;
  for (const auto& [child, record] : distribution.edges) {
    const v1::Edge* const edge = EdgeInForce(record.value, epoch);
    if (edge == nullptr || edge->parent() != node) continue;
    const int64_t cap = edge->cap_bytes_per_second();
    if (cap == 0) continue;
    limits.each = limits.each == 0 ? cap : std::min(limits.each, cap);
  }
  return limits;
}

}  // namespace tcptool::fleet
