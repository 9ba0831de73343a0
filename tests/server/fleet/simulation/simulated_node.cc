#include "tests/server/fleet/simulation/simulated_node.h"

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/server/fleet/simulation/simulated_clock.h"

namespace tcptool::fleet {
namespace {

// A node that is killed goes on at a multiple of this.
constexpr uint64_t kDurable = 64 << 20;

// fleet.proto, Delivery.moves.
constexpr size_t kMostMoves = 8;

}  // namespace

SimulatedNode::SimulatedNode(asio::io_context& io, MemoryEtcd* etcd,
                             const FleetState* state, Options options,
                             Events events)
    : io_(io),
      etcd_(etcd),
      state_(state),
      options_(std::move(options)),
      events_(std::move(events)),
      rate_(options_.rate),
      position_(options_.is_source ? options_.size : 0) {}

void SimulatedNode::Start() {
  connection_ = std::make_unique<MemoryConnection>(io_.get_executor(), etcd_);
  connection_->fate = [this](const etcdserverpb::TxnRequest&) {
    return is_reachable_ ? Fate::kAnswered : Fate::kRefused;
  };
  follower_ = std::make_unique<Follower>(
      io_.get_executor(), connection_.get(), state_, this,
      FollowerOptions{.node = name(), .now = SimulatedNow},
      Follower::Events{.trouble = [](const absl::Status&) {}});
  if (!options_.is_candidate) return;
  coordinator_.emplace(
      io_.get_executor(), connection_.get(),
      CoordinatorOptions{
          .keys = state_->keys(), .node = name(), .now = SimulatedNow},
      Coordinator::Events{
          .changed =
              [this](bool is_coordinator) {
                if (!is_coordinator) return;
                coordinators_lease_ =
                    etcd_->LeaseOf(state_->keys().Coordinator());
              },
          .slow = [this](const SlowNode& slow) { events_.slow(slow); },
          .trouble = [](const absl::Status&) {}});
}

void SimulatedNode::Kill() {
  connection_->Cut();
  coordinator_.reset();
  follower_.reset();
  connection_.reset();
  is_begun_ = false;
  link_.reset();
  moves_.clear();
  progress_ = nullptr;
  told_ = v1::DELIVERY_STATE_UNSPECIFIED;
  updated_to_ = 0;
  if (!has_all()) position_ -= position_ % kDurable;
}

void SimulatedNode::EndLeases() {
  const auto end = [this](int64_t& lease) {
    if (lease != 0) etcd_->EndLease(std::exchange(lease, 0));
  };
  end(lease_);
  if (!is_running() || !is_reachable_) end(coordinators_lease_);
  if (follower_ != nullptr) follower_->SetIncarnation(0);
}

void SimulatedNode::Register() {
  lease_ = etcd_->GrantLease(15);
  v1::Node node;
  node.set_rack(options_.rack);
  node.set_peer_address(absl::StrCat(name(), ":7000"));
  etcdserverpb::TxnRequest request;
  etcdserverpb::PutRequest& put = *request.add_success()->mutable_request_put();
  put.set_key(state_->keys().Node(name()));
  put.set_value(node.SerializeAsString());
  put.set_lease(lease_);
  static_cast<void>(etcd_->Txn(request));
  follower_->SetIncarnation(etcd_->revision());
}

void SimulatedNode::Update() {
  if (std::exchange(updated_to_, etcd_->revision()) == etcd_->revision()) {
    return;
  }
  follower_->Update(updated_to_);
}

void SimulatedNode::TakeReport(const EdgeRates& rates) {
  coordinator_->ReportRates(rates, std::chrono::steady_clock::now());
}

void SimulatedNode::Step() {
  if (!link_) return;
  link_->Step();
  if (!link_->has_given_up()) return;
  link_.reset();
  Tell(v1::DELIVERY_STATE_FAILED);
}

void SimulatedNode::Receive(uint64_t bytes) {
  link_->Received(bytes);
  if (has_all()) {
    link_.reset();
    Tell(v1::DELIVERY_STATE_DELIVERED);
  } else if (told_ == v1::DELIVERY_STATE_WAITING) {
    Tell(v1::DELIVERY_STATE_RECEIVING);
  }
}

void SimulatedNode::BeginLink(std::vector<SendingNode> nodes) {
  link_.emplace(
      std::move(nodes), position_,
      SimulatedLink::Events{
          .ask = [this](
                     const std::string& node,
                     bool is_new) { return events_.ask(*this, node, is_new); },
          .moved = [this](const v1::ParentMove& move) { Moved(move); }});
}

void SimulatedNode::Moved(const v1::ParentMove& move) {
  if (moves_.size() == kMostMoves) moves_.erase(moves_.begin());
  moves_.push_back(move);
  Tell(told_);
  events_.moved(*this, move);
}

void SimulatedNode::Tell(v1::DeliveryState state) {
  told_ = state;
  DeliveryProgress progress = {.state = state, .moves = moves_};
  if (state == v1::DELIVERY_STATE_DELIVERED) {
    progress.content.set_length(static_cast<int64_t>(position_));
    progress.content.set_root(std::string(32, 'r'));
  }
  asio::post(io_, [progress, tell = progress_] { tell(progress); });
}

void SimulatedNode::Receive(const DeliveryId& /*id*/,
                            const v1::DistributionSpec& /*spec*/,
                            std::vector<SendingNode> nodes,
                            bool /*was_delivered*/, OnProgress progress) {
  is_begun_ = true;
  progress_ = std::move(progress);
  if (has_all()) return Tell(v1::DELIVERY_STATE_DELIVERED);
  BeginLink(std::move(nodes));
  Tell(v1::DELIVERY_STATE_WAITING);
}

void SimulatedNode::Reparent(const DeliveryId& /*id*/,
                             std::vector<SendingNode> nodes) {
  if (link_) link_->SetNodes(nodes);
}

std::optional<ReceivedRate> SimulatedNode::TakeRate(const DeliveryId& /*id*/) {
  return link_ ? link_->TakeRate() : std::nullopt;
}

void SimulatedNode::Offer(const DeliveryId& /*id*/,
                          const v1::FileSource& /*file*/, OnProgress progress) {
  is_begun_ = true;
  progress_ = std::move(progress);
  Tell(v1::DELIVERY_STATE_DELIVERED);
}

void SimulatedNode::Release(const DeliveryId& /*id*/) {
  is_begun_ = false;
  link_.reset();
  progress_ = nullptr;
}

}  // namespace tcptool::fleet
