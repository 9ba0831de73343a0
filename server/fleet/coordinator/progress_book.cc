#include "server/fleet/coordinator/progress_book.h"

#include "server/fleet/state/values.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A sweep looks at all that is kept.
constexpr seconds kSweepAgain(5);
// Longer than until a node of a fleet of 10,000 tells it again.
constexpr minutes kLongest(2);

// The distribution, if it is this one and goes on; or null.
const Distribution* Find(const FleetState& state, const std::string& name,
                         int64_t revision) {
  const auto found = state.distributions().find(name);
  if (found == state.distributions().end()) return nullptr;
  const Distribution& distribution = found->second;
  const bool goes_on =
      distribution.spec && distribution.spec->create_revision == revision &&
      distribution.head && !IsFinal(distribution.head->value.state());
  return goes_on ? &distribution : nullptr;
}

bool HasPlace(const FleetState& state, const Distribution& distribution,
              const std::string& node) {
  return state.nodes().contains(node) &&
         EdgeInForce(distribution, node) != nullptr;
}

}  // namespace

void ProgressBook::Tell(const FleetState& state, const NodeProgress& progress,
                        Time now) {
  Sweep(state, now);
  const Distribution* const distribution =
      Find(state, progress.distribution, progress.revision);
  if (distribution == nullptr ||
      !HasPlace(state, *distribution, progress.node)) {
    return;
  }
  Nodes& nodes = distributions_[progress.distribution];
  if (nodes.revision != progress.revision) {
    size_ -= nodes.told.size();
    nodes = {.revision = progress.revision, .told = {}};
  }
  auto told = nodes.told.find(progress.node);
  if (told == nodes.told.end()) {
    if (size_ >= most_) return;
    told = nodes.told.emplace(progress.node, Told()).first;
    ++size_;
  }
  told->second = {.bytes_received = progress.bytes_received,
                  .bytes_per_second = progress.bytes_per_second,
                  .time = now};
}

std::vector<NodeProgress> ProgressBook::Of(const FleetState& state,
                                           const std::string& distribution,
                                           int64_t revision, Time now) {
  Sweep(state, now);
  std::vector<NodeProgress> all;
  const auto nodes = distributions_.find(distribution);
  if (nodes == distributions_.end() || nodes->second.revision != revision ||
      Find(state, distribution, revision) == nullptr) {
    return all;
  }
  for (const auto& [node, told] : nodes->second.told) {
    if (all.size() == kMostOfOne) break;
    all.push_back(
        {.distribution = distribution,
         .revision = revision,
         .node = node,
         .bytes_received = told.bytes_received,
         .bytes_per_second = told.bytes_per_second,
         .age = std::chrono::duration_cast<milliseconds>(now - told.time)});
  }
  return all;
}

void ProgressBook::Sweep(const FleetState& state, Time now) {
  if (swept_at_ && now - *swept_at_ < kSweepAgain) return;
  swept_at_ = now;
  size_ = 0;
  for (auto nodes = distributions_.begin(); nodes != distributions_.end();) {
    const Distribution* const distribution =
        Find(state, nodes->first, nodes->second.revision);
    if (distribution == nullptr) {
      nodes = distributions_.erase(nodes);
      continue;
    }
    std::erase_if(nodes->second.told, [&](const auto& told) {
      return now - told.second.time > kLongest ||
             !HasPlace(state, *distribution, told.first);
    });
    size_ += nodes->second.told.size();
    ++nodes;
  }
}

}  // namespace tcptool::fleet
