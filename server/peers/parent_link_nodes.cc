// How a link comes to follow another node than the one that it follows, while
// that one serves.
#include <algorithm>
#include <asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/receiving/manifest.h"
#include "server/peers/parent_link.h"

namespace tcptool::server {
namespace {

using dataplane::kManifestBlock;

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
  std::vector<std::optional<size_t>> plan;
  for (const NodePlan::Node& node : nodes) {
    plan.push_back(Find(plan_.nodes, node));
  }
  if (search_ != nullptr) std::exchange(search_, nullptr)->Stop();
  const Nodes before = std::exchange(plan_.nodes, {});
  const auto troubles = std::exchange(troubles_, {});
  for (const ParentChoice::Place& place : choice_.Replace(plan)) {
    plan_.nodes.push_back(place.in_plan ? nodes[*place.in_plan]
                                        : before[*place.before]);
    troubles_.push_back(place.before ? troubles[*place.before]
                                     : absl::OkStatus());
  }
  if (!choice_.prefers_other()) return;
  if (done_ == nullptr) return Search();
  // There is no connection to keep.
  choice_.MoveTo(choice_.preferred());
  told_.ChangeNode();
  Follow();
}

void ParentLink::Search() {
  if (search_ != nullptr &&
      (!choice_.wants_other() || choice_.search() != search_number_)) {
    std::exchange(search_, nullptr)->Stop();
  }
  if (choice_.wants_other() && search_ == nullptr) {
    search_number_ = choice_.search();
    search_ = std::make_shared<FallbackSearch>(
        lane_->io(), clients_, plan_, choice_, timing_.first_message,
        FallbackSearch::Handlers{
            .request =
                [this](const NodePlan::Node& node) {
                  peer::v1::FollowRequest request = RequestTo(node);
                  request.set_offset(static_cast<int64_t>(
                      claims_->position() / kManifestBlock * kManifestBlock));
                  return request;
                },
            .position = [this] { return claims_->position(); },
            .tells_more =
                [this](const auto& said) { return told_.Lacks(said); },
            .on_found = [this](size_t node) { MoveTo(node); },
            .on_refusal = [this] { PublishStranded(); }});
    search_->Start();
  }
}

void ParentLink::MoveTo(size_t node) {
  const absl::Status reason = WhyMove();
  Note(choice_.current(), reason).IgnoreError();
  leaves_for_fault_ = choice_.fault() != ParentChoice::Fault::kNone &&
                      choice_.fault() != ParentChoice::Fault::kStranded;
  choice_.MoveTo(node);
  told_.ChangeNode();
  if (done_ != nullptr) return Follow();
  LeaveConnection(reason);
}

void ParentLink::LeaveConnection(const absl::Status& reason) {
  Forget();
  claims_->Leave(reason);
  // Whoever leaves it asks for another one at once, and the node is called for
  // that. If nobody does, as all has come, the node is called for what was not
  // said.
  asio::post(lane_->io(), [weak = weak_from_this(), call = call_] {
    const auto self = weak.lock();
    if (self != nullptr && self->call_ == call) self->Follow();
  });
}

absl::Status ParentLink::WhyMove() const {
  switch (choice_.fault()) {
    case ParentChoice::Fault::kNone:
      return absl::UnavailableError("another node is to send the content");
    case ParentChoice::Fault::kStranded:
      return absl::UnavailableError(
          "the node has nobody to receive the content from");
    case ParentChoice::Fault::kBehind:
      return absl::DeadlineExceededError(
          "the node sends nothing of what it has");
    case ParentChoice::Fault::kIdle:
      return absl::DeadlineExceededError(
          "nothing comes from the node, and another one has more");
  }
  return absl::OkStatus();
}

}  // namespace tcptool::server
