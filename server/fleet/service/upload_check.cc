#include "server/fleet/service/upload_check.h"

#include "absl/strings/str_cat.h"
#include "messages/distribution_states.h"
#include "server/fleet/service/fleet_messages.h"

namespace tcptool::fleet {

absl::Status CheckUpload(const std::string& id,
                         const Distribution& distribution,
                         const std::string& node) {
  const v1::DistributionSpec& spec = distribution.spec->value;
  const std::string name = DistributionName(id);
  if (!spec.has_upload()) {
    return absl::FailedPreconditionError(absl::StrCat(
        name, " is made from a file; create one whose source is an upload"));
  }
  if (spec.source_node() != node) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " takes its upload at node '", spec.source_node(),
                     "', and this is node '", node, "': upload it there"));
  }
  const api::DistributionState state = StateOf(distribution);
  if (::tcptool::IsFinal(state)) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " is finished: it is ", StateName(state),
                     "; create another, or try it again if it has failed"));
  }
  const auto delivery = distribution.deliveries.find(node);
  if (delivery == distribution.deliveries.end() ||
      delivery->second.value.state() < v1::DELIVERY_STATE_DELIVERED) {
    return absl::OkStatus();
  }
  if (delivery->second.value.state() == v1::DELIVERY_STATE_DELIVERED) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " has its content already"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(name, " can have no upload, as the delivery on node '", node,
                   "' has ended: ", delivery->second.value.detail()));
}

}  // namespace tcptool::fleet
