#include "server/fleet/plan/branching.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tcptool::fleet {
namespace {

// What a node has of the content before it sends that on, in bytes.
constexpr double kPiece = 64 << 10;
// The least part of the time that is worth a new shape.
constexpr double kWorthwhile = 0.8;

// How many bytes could have been sent at the target rate during a hop's delay.
double DelayInBytes(const PlanPolicy& policy) {
  return static_cast<double>(policy.target_rate) *
         std::chrono::duration<double>(policy.hop_delay).count();
}

// The time until the last node has the content, in bytes at the target rate. A
// node with more children than it has room for gives each less.
double TimeInBytes(const PlanPolicy& policy, int fan_out, int branching,
                   int depth) {
  const double share = std::max(1.0, static_cast<double>(branching) / fan_out);
  return share * static_cast<double>(policy.size) +
         depth * (share * kPiece + DelayInBytes(policy));
}

// The depth of a tree in which each node has so many children, 2 at least.
int DepthOfFullTree(int nodes, int branching) {
  return 1 + static_cast<int>(
                 std::ceil(std::log(nodes + 1.0) / std::log(branching)));
}

}  // namespace

int FanOut(const PlanNode& node, const PlanPolicy& policy) {
  if (node.egress == 0) return 1;
  const uint64_t room = node.egress / policy.target_rate;
  return static_cast<int>(std::clamp<uint64_t>(
      room, 1, static_cast<uint64_t>(policy.max_children)));
}

int SlotsOf(const PlanNode& node, const PlanPolicy& policy, int branching) {
  return std::max(FanOut(node, policy),
                  std::min(branching, policy.max_children));
}

double LongestGoodChain(const PlanPolicy& policy) {
  if (policy.size == 0) return std::numeric_limits<double>::infinity();
  return 0.05 * static_cast<double>(policy.size) /
         (kPiece + DelayInBytes(policy));
}

int BestBranching(const PlanPolicy& policy, int nodes, int fan_out, int depth) {
  int best = 1;
  double least = kWorthwhile * TimeInBytes(policy, fan_out, best, depth);
  for (int branching = 2; branching <= policy.max_children; ++branching) {
    const double time = TimeInBytes(policy, fan_out, branching,
                                    DepthOfFullTree(nodes, branching));
    if (time < least) {
      best = branching;
      least = time;
    }
  }
  return best;
}

}  // namespace tcptool::fleet
