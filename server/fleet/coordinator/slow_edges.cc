#include "server/fleet/coordinator/slow_edges.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "server/fleet/state/values.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// An edge tells each 2 s: more often is more than it may.
constexpr seconds kLeastPause(1);
// Longer ago it was slow for another reason.
constexpr seconds kLongestPause(30);
// What is measured in less says little.
constexpr milliseconds kLeastBusy(200);

// All edges are looked at for each that tells something; where they are many,
// for all that do in this time.
constexpr seconds kLookAgain(1);
constexpr size_t kFewToLookAt = 100;

constexpr size_t kMany = 8;
constexpr milliseconds kEnoughOfMany = seconds(6);
constexpr milliseconds kEnoughOfFew = seconds(10);
// Of what is usual.
constexpr double kSlowOfMany = 1.0 / 3;
constexpr double kSlowOfFew = 1.0 / 2;
// Of a normal distribution, in terms of its MAD.
constexpr double kDeviation = 1.4826;
constexpr double kMostDeviations = 3;

// Of one at least.
double MedianOf(std::vector<double> values) {
  const auto middle =
      values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// The median of how far they are from `median`.
double MadOf(std::vector<double> values, double median) {
  for (double& value : values) value = std::abs(value - median);
  return MedianOf(std::move(values));
}

// Bytes a second that the node may have at most, as far as is known; 0: no
// limit. A parent that serves many may let each have less than was planned.
double MostOf(const v1::Edge& edge, const EdgeRate& rate) {
  const auto cap = static_cast<double>(edge.cap_bytes_per_second());
  const auto allowed = static_cast<double>(rate.allowed);
  return cap == 0 || allowed == 0 ? std::max(cap, allowed)
                                  : std::min(cap, allowed);
}

bool IsSlow(const Distribution& distribution, const std::string& node) {
  const v1::Edge* const edge = EdgeInForce(distribution, node);
  return edge != nullptr && edge->standing() == v1::NODE_STANDING_SLOW;
}

}  // namespace

std::optional<SlowNode> SlowEdges::Report(const FleetState& state,
                                          const EdgeRate& rate, Time now) {
  Sweep(state, now);
  const auto found = state.distributions().find(rate.distribution);
  if (found == state.distributions().end()) return std::nullopt;
  const Distribution& distribution = found->second;
  const v1::Edge* const in_force = EdgeInForce(distribution, rate.node);
  if (in_force == nullptr || in_force->parent() != rate.parent ||
      in_force->epoch() != rate.epoch || rate.busy < kLeastBusy ||
      rate.busy > kLongestPause) {
    return std::nullopt;
  }
  Rates& rates = distributions_[rate.distribution];
  Edge& edge = rates.edges[rate.node];
  if (edge.told && now - *edge.told < kLeastPause) return std::nullopt;
  if (edge.epoch != rate.epoch ||
      now - edge.told.value_or(now) > kLongestPause) {
    edge.slow_for = {};
  }
  edge.parent = rate.parent;
  edge.epoch = rate.epoch;
  edge.told = now;
  edge.rate = static_cast<double>(rate.bytes) * 1000 /
              static_cast<double>(rate.busy.count());
  edge.most = MostOf(*in_force, rate);
  if (!rates.looked_at || now - *rates.looked_at >= kLookAgain ||
      distribution.edges.size() <= kFewToLookAt) {
    Look(distribution, rates, now);
  }
  // What can be done about it was done.
  if (rates.found.contains(rate.node)) return std::nullopt;
  const std::optional<Measure> measure = MeasureFor(rates, rate.node);
  if (!measure || edge.rate >= measure->least) {
    edge.slow_for = {};
    return std::nullopt;
  }
  edge.slow_for += rate.busy;
  const size_t most = std::max<size_t>(1, distribution.edges.size() / 3);
  if (edge.slow_for < measure->enough || rates.found.size() >= most) {
    return std::nullopt;
  }
  std::string culprit = Culprit(rates, rate.node, measure->least);
  // The source is no target, and has no edge that could say so.
  if (EdgeInForce(distribution, culprit) == nullptr) return std::nullopt;
  SlowNode slow = {.distribution = rate.distribution,
                   .node = std::move(culprit),
                   .rate = static_cast<uint64_t>(edge.rate),
                   .usual = static_cast<uint64_t>(measure->usual)};
  rates.found.insert(slow.node);
  rates.found_below.try_emplace(rate.parent, rate.node);
  for (auto& [name, other] : rates.edges) other.slow_for = {};
  return slow;
}

void SlowEdges::Sweep(const FleetState& state, Time now) {
  if (swept_at_ && now - *swept_at_ < kLookAgain) return;
  swept_at_ = now;
  std::erase_if(distributions_, [&state](const auto& one) {
    const auto found = state.distributions().find(one.first);
    return found == state.distributions().end() || !found->second.head ||
           IsFinal(found->second.head->value.state());
  });
}

void SlowEdges::Look(const Distribution& distribution, Rates& rates, Time now) {
  rates.looked_at = now;
  std::erase_if(rates.edges, [&distribution](const auto& edge) {
    return EdgeInForce(distribution, edge.first) == nullptr;
  });
  for (const auto& [node, record] : distribution.edges) {
    // Also by coordinators before this one.
    if (IsSlow(distribution, node)) rates.found.insert(node);
  }
  std::vector<double> known;
  for (const auto& [node, edge] : rates.edges) {
    if (!rates.found.contains(node)) known.push_back(edge.rate);
  }
  rates.spread = {.known = known.size()};
  if (known.empty()) return;
  rates.spread.median = MedianOf(known);
  rates.spread.mad = MadOf(std::move(known), rates.spread.median);
}

std::optional<SlowEdges::Measure> SlowEdges::MeasureFor(
    const Rates& rates, const std::string& node) {
  const double most = rates.edges.at(node).most;
  const auto& [known, median, mad] = rates.spread;
  if (known >= kMany) {
    const double least = std::min(kSlowOfMany * median,
                                  median - kMostDeviations * kDeviation * mad);
    return Measure{
        .usual = median,
        // Who has what it may have is not slow.
        .least = most > 0 ? std::min(least, kSlowOfFew * most) : least,
        .enough = kEnoughOfMany};
  }
  std::vector<double> others;
  for (const auto& [name, edge] : rates.edges) {
    if (name != node && !rates.found.contains(name)) {
      others.push_back(edge.rate);
    }
  }
  if (most == 0 && others.empty()) return std::nullopt;
  const double usual = most > 0 ? most : MedianOf(std::move(others));
  return Measure{
      .usual = usual, .least = kSlowOfFew * usual, .enough = kEnoughOfFew};
}

std::string SlowEdges::Culprit(const Rates& rates, const std::string& node,
                               double least) {
  const std::string& parent = rates.edges.at(node).parent;
  const auto below = rates.found_below.find(parent);
  if (below == rates.found_below.end() || below->second == node ||
      rates.found.contains(parent)) {
    return node;
  }
  const auto first = rates.edges.find(below->second);
  const bool is_slow_elsewhere = first != rates.edges.end() &&
                                 first->second.parent != parent &&
                                 first->second.rate < least;
  return is_slow_elsewhere ? node : parent;
}

}  // namespace tcptool::fleet
