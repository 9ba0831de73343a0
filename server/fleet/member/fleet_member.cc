#include "server/fleet/member/fleet_member.h"

#include <chrono>
#include <memory>
#include <system_error>
#include <utility>

namespace tcptool::fleet {

FleetMember::FleetMember(const asio::any_io_executor& executor, EtcdCalls* etcd,
                         FleetMemberOptions options, server::WatchHub& hub,
                         Events events)
    : executor_(executor),
      etcd_(etcd, counts_),
      options_(std::move(options)),
      events_(std::move(events)),
      state_(options_.keys),
      distributions_(executor, &etcd_, state_, hub, options_.now),
      watch_(
          executor, &etcd_, {.prefix = options_.keys.prefix()},
          {.changed = [this](const PrefixMirror::Changes& changes,
                             int64_t revision) { Changed(changes, revision); },
           .trouble = events_.trouble}),
      report_timer_(executor) {}

FleetMember::~FleetMember() { StopAnswering(); }

void FleetMember::Join(const v1::Node& node, DeliveryPort* port) {
  follower_.emplace(
      executor_, &etcd_, &state_, port,
      FollowerOptions{.node = options_.node, .now = options_.now},
      Follower::Events{.trouble = events_.trouble,
                       .counted = [this](const DeliveryCounts& deliveries) {
                         counts_->SetDeliveries(deliveries);
                       }});
  registration_.emplace(
      executor_, &etcd_, options_.keys, options_.node, node,
      Registration::Events{
          .registered =
              [this](int64_t incarnation) { Registered(incarnation); },
          .lost =
              [this](const absl::Status& status) {
                counts_->SetRegistered(false);
                follower_->SetIncarnation(0);
                events_.lost(status);
              },
          .refused =
              [this](const absl::Status& status) {
                has_name_ = false;
                events_.refused(status);
              },
          .trouble = events_.trouble});
  ReportLater();
}

void FleetMember::Registered(int64_t incarnation) {
  has_name_ = true;
  counts_->SetRegistered(true);
  events_.registered(incarnation);
  follower_->SetIncarnation(incarnation);
  Follow();
  // Not before: others could not tell which of two nodes of one name plans.
  if (coordinator_) return;
  coordinator_.emplace(
      executor_, &etcd_,
      CoordinatorOptions{
          .keys = options_.keys, .node = options_.node, .now = options_.now},
      Coordinator::Events{.changed =
                              [this](bool is_coordinator) {
                                counts_->SetCoordinator(is_coordinator);
                                events_.coordinating(is_coordinator);
                              },
                          .slow =
                              [this](const SlowNode& slow) {
                                counts_->FoundSlowNode();
                                events_.slow(slow);
                              },
                          .trouble = events_.trouble});
}

void FleetMember::ReportLater() {
  report_timer_.expires_after(options_.report_interval);
  report_timer_.async_wait(
      [this, alive = std::weak_ptr(alive_)](std::error_code error) {
        if (error || alive.expired() || !follower_) return;
        Report();
        ReportLater();
      });
}

void FleetMember::Report() {
  const EdgeRates rates = follower_->TakeRates();
  if (rates.empty() || !state_.coordinator()) return;
  const std::string& coordinator = state_.coordinator()->value.node();
  if (coordinator == options_.node) {
    // Unless it is not that any more.
    return TakeReport(rates).IgnoreError();
  }
  const auto node = state_.nodes().find(coordinator);
  if (node == state_.nodes().end()) return;
  events_.report(node->second.value.peer_address(), rates);
}

absl::Status FleetMember::TakeReport(const EdgeRates& rates) {
  if (coordinator_ && coordinator_->is_coordinator()) {
    coordinator_->ReportRates(rates, std::chrono::steady_clock::now());
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      "this node does not coordinate the fleet");
}

void FleetMember::Changed(const PrefixMirror::Changes& changes,
                          int64_t revision) {
  state_.Apply(changes);
  revision_ = revision;
  const auto& coordinator = state_.coordinator();
  counts_->Saw(coordinator ? coordinator->create_revision : 0,
               state_.nodes().size());
  distributions_.Changed(changes, revision);
  Follow();
}

void FleetMember::Follow() {
  if (has_name_ && follower_ && revision_ > 0) follower_->Update(revision_);
}

void FleetMember::Leave(std::function<void()> done) {
  counts_->SetRegistered(false);
  counts_->SetCoordinator(false);
  follower_.reset();
  report_timer_.cancel();
  const auto both = std::make_shared<int>(coordinator_ ? 2 : 1);
  const auto one = [both, done = std::move(done)](const absl::Status&) {
    if (--*both == 0) done();
  };
  if (coordinator_) coordinator_->Resign(one);
  registration_->Withdraw(one);
}

}  // namespace tcptool::fleet
