#include "server/fleet/service/fleet_listings.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/errors.h"
#include "server/api/names.h"
#include "server/api/page_token.h"
#include "server/api/selection.h"
#include "server/fleet/service/distribution_table.h"
#include "server/fleet/service/fleet_messages.h"
#include "server/watch/page_items.h"
#include "server/watch/session_filter.h"

namespace tcptool::fleet {
namespace {

// NOT_FOUND: the fleet has no distribution of this name.
absl::StatusOr<const Distribution*> Find(const FleetState& state,
                                         const std::string& name) {
  const auto found = state.distributions().find(DistributionId(name));
  if (found == state.distributions().end() || !found->second.spec) {
    return NoSuchDistribution(name);
  }
  return &found->second;
}

}  // namespace

absl::StatusOr<api::Delivery> GetDelivery(
    const FleetState& state, const api::GetDeliveryRequest& request,
    const ProgressByNode& progress) {
  const auto name = server::ParseDeliveryName(request.name());
  const auto distribution = Find(state, name->distribution);
  if (!distribution.ok()) return distribution.status();
  if (!ListedTargets(**distribution, state.nodes()).contains(name->node)) {
    return server::NotFound(
        api::ERROR_REASON_RESOURCE_NOT_FOUND, server::kDeliveryType,
        request.name(),
        absl::StrCat(name->node, " is no target of ", name->distribution));
  }
  api::Delivery delivery =
      ToDelivery(DistributionId(name->distribution), **distribution, name->node,
                 ContentOf(**distribution));
  SetProgress(progress, delivery);
  return delivery;
}

absl::StatusOr<api::ListDeliveriesResponse> ListDeliveries(
    const FleetState& state, const api::ListDeliveriesRequest& request,
    const ProgressByNode& progress) {
  const auto page = server::NamePage::Of(request);
  if (!page.ok()) return page.status();
  const auto distribution = Find(state, request.parent());
  if (!distribution.ok()) return distribution.status();
  const std::string id = DistributionId(request.parent());
  const std::set<std::string> targets =
      ListedTargets(**distribution, state.nodes());
  const v1::Content* const content = ContentOf(**distribution);
  const auto states = server::SetOf(request.states());
  api::ListDeliveriesResponse response;
  server::PageItems items(*page, *response.mutable_deliveries());
  for (auto node = targets.lower_bound(page->begin); node != targets.end();
       ++node) {
    api::Delivery delivery = ToDelivery(id, **distribution, *node, content);
    if (!server::IsOneOf(states, delivery.state())) continue;
    SetProgress(progress, delivery);
    if (!items.Add(std::move(delivery))) {
      response.set_next_page_token(page->Token(*node));
      break;
    }
  }
  return response;
}

absl::StatusOr<api::FleetNode> GetNode(
    const FleetState& state, const api::GetFleetNodeRequest& request) {
  const std::string node = *server::ParseFleetNodeName(request.name());
  if (!state.nodes().contains(node)) {
    return server::NotFound(
        api::ERROR_REASON_RESOURCE_NOT_FOUND, server::kFleetNodeType,
        request.name(),
        absl::StrCat("there is no node \"", node, "\" in the fleet now"));
  }
  return ToNode(node, state);
}

absl::StatusOr<api::ListNodesResponse> ListNodes(
    const FleetState& state, const api::ListNodesRequest& request) {
  const auto page = server::NamePage::Of(request);
  if (!page.ok()) return page.status();
  const auto racks = server::SetOf(request.racks());
  api::ListNodesResponse response;
  server::PageItems items(*page, *response.mutable_nodes());
  for (auto node = state.nodes().lower_bound(page->begin);
       node != state.nodes().end(); ++node) {
    const v1::Node& value = node->second.value;
    if (!server::IsOneOf(racks, value.rack()) ||
        !server::HasLabels(value, request.labels())) {
      continue;
    }
    if (!items.Add(ToNode(node->first, state))) {
      response.set_next_page_token(page->Token(node->first));
      break;
    }
  }
  return response;
}

}  // namespace tcptool::fleet
