#include "server/fleet/service/upload_check.h"

#include "absl/strings/str_cat.h"
#include "messages/distribution_states.h"
#include "server/api/errors.h"
#include "server/fleet/service/fleet_messages.h"

namespace tcptool::fleet {

absl::Status CheckUpload(const std::string& id,
                         const Distribution& distribution,
                         const std::string& node) {
  const v1::DistributionSpec& spec = distribution.spec->value;
  const std::string name = DistributionName(id);
  if (!spec.has_upload()) {
    return server::FailedPrecondition(
        api::ERROR_REASON_NOT_AN_UPLOAD, name,
        absl::StrCat(
            name,
            " is made from a file; create one whose source is an upload"));
  }
  if (spec.source_node() != node) {
    return server::WithReason(
        server::FailedPrecondition(
            api::ERROR_REASON_UPLOAD_AT_ANOTHER_NODE, name,
            absl::StrCat(name, " takes its upload at node '",
                         spec.source_node(), "', and this is node '", node,
                         "': upload it there")),
        api::ERROR_REASON_UPLOAD_AT_ANOTHER_NODE,
        {{"node", spec.source_node()}});
  }
  const api::DistributionState state = StateOf(distribution);
  if (::tcptool::IsFinal(state)) {
    return server::FailedPrecondition(
        api::ERROR_REASON_RESOURCE_FINISHED, name,
        absl::StrCat(name, " is finished: it is ", StateName(state),
                     "; create another, or try it again if it has failed"));
  }
  const auto delivery = distribution.deliveries.find(node);
  if (delivery == distribution.deliveries.end() ||
      delivery->second.value.state() < v1::DELIVERY_STATE_DELIVERED) {
    return absl::OkStatus();
  }
  if (delivery->second.value.state() == v1::DELIVERY_STATE_DELIVERED) {
    return server::FailedPrecondition(
        api::ERROR_REASON_UPLOAD_TAKEN, name,
        absl::StrCat(name, " has its content already"));
  }
  return server::FailedPrecondition(
      api::ERROR_REASON_UPLOAD_DELIVERY_ENDED, name,
      absl::StrCat(name, " can have no upload, as the delivery on node '", node,
                   "' has ended: ", delivery->second.value.detail()));
}

}  // namespace tcptool::fleet
