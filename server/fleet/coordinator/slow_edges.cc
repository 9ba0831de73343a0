#include "server/fleet/coordinator/slow_edges.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "server/fleet/state/values.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// An edge tells each 2 s: more often is more than it may. But what tells of a
// slow link shares that, where a lost packet makes it late by seconds: it may
// come just before the next. Whoever sends it gives it up after 5 s.
constexpr seconds kLeastPause(1);
constexpr auto kMostAhead = 2 * kLeastPause;
// Longer ago it was slow for another reason. Of 10,000 nodes each tells in 50
// s.
constexpr seconds kLongestPause(60);
// What is measured in less says little.
constexpr milliseconds kLeastTime(200);

// All edges are looked at for each that is measured; where they are many, and 8
// were measured, for all that are in this time. So no more than 8 edges have
// others looked at each time that they tell something, once a second at most.
constexpr seconds kLookAgain(1);
constexpr size_t kFewToLookAt = 100;

constexpr size_t kMany = 8;
// Three times what an edge tells each 2 s, in 6 s: it has not measured all of
// that, as it measures from message to message of its parent.
constexpr milliseconds kEnoughOfMany(5500);
constexpr milliseconds kEnoughOfFew = seconds(10);
// Of what is usual.
constexpr double kSlowOfMany = 1.0 / 3;
constexpr double kSlowOfFew = 1.0 / 2;
// Of a normal distribution, in terms of its MAD.
constexpr double kDeviation = 1.4826;
constexpr double kMostDeviations = 3;

// 0: there are none.
double MedianOf(std::vector<double> values) {
  if (values.empty()) return 0;
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

// In bytes a second, if the time is one to go by.
std::optional<double> RateOf(uint64_t bytes, milliseconds time) {
  if (time < kLeastTime || time > kLongestPause) return std::nullopt;
  return static_cast<double>(bytes) * 1000 / static_cast<double>(time.count());
}

// Those that have the content by way of the node, as planned.
std::set<std::string_view> NodesBelow(const Distribution& distribution,
                                      const std::string& node) {
  std::multimap<std::string_view, std::string_view> children;
  for (const auto& [name, record] : distribution.edges) {
    const v1::Edge* const edge = EdgeInForce(distribution, name);
    if (edge != nullptr) children.emplace(edge->parent(), name);
  }
  std::set<std::string_view> below;
  std::vector<std::string_view> left = {node};
  while (!left.empty()) {
    const auto [child, end] = children.equal_range(left.back());
    left.pop_back();
    for (auto next = child; next != end; ++next) {
      if (below.insert(next->second).second) left.push_back(next->second);
    }
  }
  return below;
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
  const std::optional<double> measured = RateOf(rate.bytes, rate.busy);
  const std::optional<double> least =
      RateOf(rate.observed_bytes, rate.observed);
  if (in_force == nullptr || in_force->parent() != rate.parent ||
      in_force->epoch() != rate.epoch || (!measured && !least)) {
    return std::nullopt;
  }
  Rates& rates = distributions_[rate.distribution];
  Edge& edge = rates.edges[rate.node];
  if (now + kMostAhead < edge.due) return std::nullopt;
  const Time due = std::max(edge.due, now) + kLeastPause;
  if (edge.epoch != rate.epoch) {
    edge = {.parent = rate.parent, .epoch = rate.epoch};
  }
  edge.due = due;
  if (least) edge.least = least;
  if (!measured) return std::nullopt;
  if (now - edge.measured_at.value_or(now) > kLongestPause) edge.slow_for = {};
  edge.measured_at = now;
  edge.rate = measured;
  edge.most = MostOf(*in_force, rate);
  const bool are_few =
      distribution.edges.size() <= kFewToLookAt ||
      (rates.spread.known < kMany && !rates.found.contains(rate.node));
  if (are_few || !rates.looked_at || now - *rates.looked_at >= kLookAgain) {
    Look(distribution, rates, now);
  }
  // What can be done about it was done.
  if (rates.found.contains(rate.node)) return std::nullopt;
  const std::optional<Measure> measure =
      MeasureFor(distribution, rates, rate.node);
  if (!measure || *measured >= measure->least) {
    edge.slow_for = {};
    return std::nullopt;
  }
  edge.slow_for += rate.busy;
  const size_t most = std::max<size_t>(1, distribution.edges.size() / 3);
  if (edge.slow_for < measure->enough || rates.found.size() >= most) {
    return std::nullopt;
  }
  const std::string& first = FirstSlow(distribution, rates, rate.node);
  std::string culprit = Culprit(rates, first, measure->least);
  // The source is no target, and has no edge that could say so.
  if (EdgeInForce(distribution, culprit) == nullptr) return std::nullopt;
  const Edge& slow_edge = rates.edges.at(first);
  SlowNode slow = {.distribution = rate.distribution,
                   .node = std::move(culprit),
                   .rate = static_cast<uint64_t>(*slow_edge.rate),
                   .usual = static_cast<uint64_t>(measure->usual)};
  rates.found.insert(slow.node);
  rates.found_below.try_emplace(slow_edge.parent, first);
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
    if (edge.rate && !rates.found.contains(node)) known.push_back(edge.shown());
  }
  rates.spread = SpreadOf(std::move(known));
}

SlowEdges::Spread SlowEdges::SpreadOf(std::vector<double> rates) {
  Spread spread = {.known = rates.size(), .median = MedianOf(rates)};
  spread.mad = MadOf(std::move(rates), spread.median);
  return spread;
}

SlowEdges::Measure SlowEdges::MeasureOfMany(const Spread& spread, double most) {
  const double least =
      std::min(kSlowOfMany * spread.median,
               spread.median - kMostDeviations * kDeviation * spread.mad);
  return {.usual = spread.median,
          // Who has what it may have is not slow.
          .least = most > 0 ? std::min(least, kSlowOfFew * most) : least,
          .enough = kEnoughOfMany};
}

std::optional<SlowEdges::Measure> SlowEdges::MeasureFor(
    const Distribution& distribution, const Rates& rates,
    const std::string& node) {
  const Edge& edge = rates.edges.at(node);
  if (rates.spread.known >= kMany) {
    return MeasureOfMany(rates.spread, edge.most);
  }
  const std::set<std::string_view> below = NodesBelow(distribution, node);
  std::vector<double> measured;  // Of others.
  std::vector<double> known;     // With those that were not.
  for (const auto& [name, other] : rates.edges) {
    if (name == node || rates.found.contains(name)) continue;
    if (other.rate) measured.push_back(other.shown());
    if (other.rate || !below.contains(name)) known.push_back(other.shown());
  }
  if (edge.most == 0 && known.empty()) return std::nullopt;
  if (known.size() + 1 >= kMany) {
    std::vector<double> all = known;
    all.push_back(*edge.rate);
    const Measure measure = MeasureOfMany(SpreadOf(std::move(all)), edge.most);
    if (*edge.rate < measure.least) return measure;
  }
  // What others can do at least may be less than what is usual.
  const double usual = edge.most > 0 ? edge.most
                                     : std::max(MedianOf(std::move(measured)),
                                                MedianOf(std::move(known)));
  return Measure{
      .usual = usual, .least = kSlowOfFew * usual, .enough = kEnoughOfFew};
}

const std::string& SlowEdges::FirstSlow(const Distribution& distribution,
                                        const Rates& rates,
                                        const std::string& node) {
  const Edge& edge = rates.edges.at(node);
  const auto above = rates.edges.find(edge.parent);
  const v1::Edge* const in_force = EdgeInForce(distribution, edge.parent);
  if (above == rates.edges.end() || in_force == nullptr ||
      above->second.epoch != in_force->epoch() ||
      rates.found.contains(edge.parent)) {
    return node;
  }
  const bool is_slow =
      2 * above->second.slow_for >= edge.slow_for &&
      *edge.measured_at - *above->second.measured_at <= kLongestPause;
  return is_slow ? above->first : node;
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
                                 first->second.rate.value_or(least) < least;
  return is_slow_elsewhere ? node : parent;
}

}  // namespace tcptool::fleet
