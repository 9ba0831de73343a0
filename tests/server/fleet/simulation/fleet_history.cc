#include "tests/server/fleet/simulation/fleet_history.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace tcptool::fleet {

std::vector<std::string> FleetHistory::Look(const Distribution& distribution) {
  std::vector<std::string> moves;
  if (!distribution.head) return moves;
  const int64_t epoch = distribution.head->value.epoch();
  EXPECT_GE(epoch, head_epoch_) << "The epoch of the head went down.";
  if (epoch == head_epoch_) return moves;
  head_epoch_ = epoch;
  for (const auto& [node, record] : distribution.edges) {
    const v1::Edge* const edge = EdgeInForce(record.value, epoch);
    if (edge == nullptr) continue;
    Seen& seen = in_force_[node];
    EXPECT_GE(edge->epoch(), seen.epoch) << "of the edge of " << node;
    seen.epoch = edge->epoch();
    if (!seen.parent.empty() && seen.parent != edge->parent()) {
      moves.push_back(absl::StrCat("epoch ", epoch, " plans ", node, " from ",
                                   seen.parent, " to ", edge->parent()));
    }
    seen.parent = edge->parent();
  }
  moves_ += moves.size();
  return moves;
}

}  // namespace tcptool::fleet
