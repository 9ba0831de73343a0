// How a link comes to other nodes than those that it began with.
#include <algorithm>
#include <asio/post.hpp>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/peers/parent_link.h"

namespace tcptool::server {
namespace {

using Nodes = std::vector<NodePlan::Node>;

// Where it is among them.
std::optional<size_t> Find(const Nodes& nodes, const NodePlan::Node& node) {
  const auto found = std::ranges::find_if(nodes, [&node](const auto& one) {
    return one.name == node.name && NameOf(one.target) == NameOf(node.target);
  });
  if (found == nodes.end()) return std::nullopt;
  return found - nodes.begin();
}

}  // namespace

void ParentLink::SetNodes(Nodes nodes) {
  absl::MutexLock lock(&mutex_);
  new_nodes_ = std::move(nodes);
  if (shared_lane_ == nullptr) return;  // Connect() takes them.
  asio::post(shared_lane_->io(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr && self->lane_ != nullptr) self->TakeNodes();
  });
}

void ParentLink::TakeNodes() {
  Nodes nodes;
  {
    absl::MutexLock lock(&mutex_);
    nodes.swap(new_nodes_);
  }
  if (nodes.empty()) return;
  const bool has_begun = call_ > 0;
  const NodePlan::Node current = plan_.nodes[choice_.current()];
  const NodePlan::Node sender = plan_.nodes[choice_.sender()];
  const bool is_first = Find(nodes, current) == size_t{0};
  if (has_begun) {
    // Their account goes on for as long as they serve. The one behind the
    // current node, in the round, is the preferred one.
    if (!Find(nodes, sender)) nodes.push_back(sender);
    if (const auto at = Find(nodes, current); !is_first) {
      if (at) nodes.erase(nodes.begin() + static_cast<ptrdiff_t>(*at));
      nodes.push_back(current);
    }
  }
  std::vector<std::optional<size_t>> before;
  std::vector<absl::Status> troubles;
  for (const NodePlan::Node& node : nodes) {
    before.push_back(has_begun ? Find(plan_.nodes, node) : std::nullopt);
    troubles.push_back(before.back() ? troubles_[*before.back()]
                                     : absl::OkStatus());
  }
  if (search_ != nullptr) std::exchange(search_, nullptr)->Stop();
  plan_.nodes = std::move(nodes);
  troubles_ = std::move(troubles);
  choice_.Replace(before, has_begun && !is_first);
  if (!has_begun || is_first) return;
  if (done_ == nullptr) return Search();
  // There is no connection to keep.
  choice_.MoveTo(0);
  told_.ChangeNode();
  Follow();
}

}  // namespace tcptool::server
