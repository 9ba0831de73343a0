#include "server/fleet/coordinator/left_parents.h"

#include <algorithm>

namespace tcptool::fleet {
namespace {

// A lease runs out meanwhile, and clocks of nodes may differ by a little.
constexpr absl::Duration kDoubt = absl::Seconds(20);

}  // namespace

LeftParents::Times LeftParents::By(const std::string& node) const {
  Times left;
  const auto delivery = distribution_.deliveries.find(node);
  if (delivery == distribution_.deliveries.end()) return left;
  for (const v1::ParentMove& move : delivery->second.value.moves()) {
    if (move.is_fault() && members_.contains(move.from()) &&
        nodes_.at(move.from()).create_revision <
            delivery->second.mod_revision) {
      left[move.from()] = absl::FromUnixSeconds(move.time().seconds()) +
                          absl::Nanoseconds(move.time().nanos());
    }
    left.erase(move.to());
  }
  return left;
}

bool LeftParents::IsAwayFrom(const std::string& node,
                             const std::string& parent) const {
  bool is_away = false;
  const auto delivery = distribution_.deliveries.find(node);
  if (delivery == distribution_.deliveries.end()) return is_away;
  for (const v1::ParentMove& move : delivery->second.value.moves()) {
    is_away = (is_away || move.from() == parent) && move.to() != parent;
  }
  return is_away;
}

bool LeftParents::IsElsewhere(const std::string& node,
                              const std::string& parent) const {
  const auto delivery = distribution_.deliveries.find(node);
  if (delivery == distribution_.deliveries.end()) return false;
  const auto& moves = delivery->second.value.moves();
  return !moves.empty() && moves.rbegin()->to() != parent;
}

bool LeftParents::IsToGoAround(const std::string& node,
                               const v1::Edge& edge) const {
  const Times left = By(node);
  return left.contains(edge.parent()) && !HasLeftAll(left, edge);
}

bool LeftParents::HasLeftAll(const Times& left, const v1::Edge& edge) {
  return left.contains(edge.parent()) &&
         std::all_of(
             edge.fallbacks().begin(), edge.fallbacks().end(),
             [&left](const std::string& name) { return left.contains(name); });
}

std::set<std::string> LeftParents::Doubtful(
    const std::set<std::string>& targets, absl::Time now) const {
  std::set<std::string> doubtful;
  for (const std::string& target : targets) {
    const v1::Edge* const edge = EdgeInForce(distribution_, target);
    const Times left = By(target);
    if (edge == nullptr || HasLeftAll(left, *edge)) continue;
    for (const auto& [name, time] : left) {
      if (absl::AbsDuration(now - time) <= kDoubt) doubtful.insert(name);
    }
  }
  return doubtful;
}

}  // namespace tcptool::fleet
