#include "dataplane/sending/turn_plan.h"

#include <algorithm>
#include <tuple>

namespace tcptool::dataplane {

void TurnPlan::Make(std::span<const uint64_t> positions, size_t queued,
                    size_t budget, bool rate_limited) {
  steps.clear();
  most = std::min(budget, kMostBytes);
  if (positions.empty()) return;
  share = std::max(kLeastShare, budget / queued);
  const size_t count = std::min(kMostRecipients, positions.size());
  for (size_t i = 0; i < count; ++i) steps.push_back({.recipient = i});
  std::sort(steps.begin(), steps.end(), [&](const Step& one, const Step& two) {
    return std::tie(positions[one.recipient], one.recipient) <
           std::tie(positions[two.recipient], two.recipient);
  });
  size_t ahead = 0;  // The furthest step within kReach of the current one.
  for (Step& step : steps) {
    const uint64_t position = positions[step.recipient];
    step.first = position == 0 ? std::min(share, kFirstPiece) : share;
    if (rate_limited) continue;
    while (ahead + 1 < count &&
           positions[steps[ahead + 1].recipient] <= position + kReach) {
      ++ahead;
    }
    step.goal = positions[steps[ahead].recipient];
  }
}

}  // namespace tcptool::dataplane
