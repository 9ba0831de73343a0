#include "server/fleet/service/distribution_overview.h"

#include "server/fleet/service/fleet_messages.h"

namespace tcptool::fleet {
namespace {

NodePlace PlaceOf(const std::string& node, const FleetNodes& nodes) {
  const auto found = nodes.find(node);
  if (found == nodes.end()) return {};
  return {.is_there = true, .rack = found->second.value.rack()};
}

}  // namespace

DistributionOverview OverviewOf(const std::string& id,
                                const Distribution& distribution,
                                const FleetNodes& nodes,
                                const ProgressByNode& progress) {
  DistributionOverview overview = {
      .distribution = ToMessage(id, distribution, nodes),
      .source = PlaceOf(distribution.spec->value.source_node(), nodes)};
  const v1::Content* const content = ContentOf(distribution);
  for (const std::string& node : ListedTargets(distribution, nodes)) {
    overview.targets.push_back(
        {.delivery = ToDelivery(id, distribution, node, content),
         .place = PlaceOf(node, nodes)});
    SetProgress(progress, overview.targets.back().delivery);
  }
  return overview;
}

}  // namespace tcptool::fleet
