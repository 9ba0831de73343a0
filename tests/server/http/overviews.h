// Overviews of distributions, made up.
#ifndef TCPTOOL_TESTS_SERVER_HTTP_OVERVIEWS_H_
#define TCPTOOL_TESTS_SERVER_HTTP_OVERVIEWS_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "messages/distribution_texts.h"
#include "server/fleet/service/distribution_overview.h"

namespace tcptool::server {

// "distributions/d", from node "source" in rack "r1".
inline fleet::DistributionOverview NewOverview() {
  fleet::DistributionOverview overview;
  overview.source = {.is_there = true, .rack = "r1"};
  v1::Distribution& distribution = overview.distribution;
  distribution.set_name("distributions/d");
  distribution.set_state(v1::DISTRIBUTION_STATE_RUNNING);
  v1::FleetFileSource& file = *distribution.mutable_spec()->mutable_file();
  file.set_node("source");
  file.set_root("images");
  file.set_path("disk.img");
  return overview;
}

// Targets are added by their names.
inline fleet::TargetOverview& AddTarget(
    fleet::DistributionOverview& overview, const std::string& node,
    const std::string& parent, const std::string& rack = "r1",
    v1::DeliveryState state = v1::DELIVERY_STATE_RECEIVING) {
  fleet::TargetOverview& target = overview.targets.emplace_back();
  target.place = {.is_there = true, .rack = rack};
  target.delivery.set_name(absl::StrCat("distributions/d/deliveries/", node));
  target.delivery.set_node(node);
  target.delivery.set_parent(parent);
  target.delivery.set_state(state);
  target.delivery.set_standing(v1::DELIVERY_STANDING_REGULAR);
  Count(state, *overview.distribution.mutable_counts());
  return target;
}

inline void AddMove(fleet::TargetOverview& target, const std::string& from,
                    const std::string& to, const std::string& reason) {
  v1::ParentMove& move = *target.delivery.add_moves();
  move.set_from_node(from);
  move.set_to_node(to);
  move.set_reason(reason);
  move.set_offset(3 << 20);
  move.mutable_move_time()->set_seconds(1'000'000);
}

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_HTTP_OVERVIEWS_H_
