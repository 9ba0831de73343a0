#include "server/fleet/member/fleet_member.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <system_error>
#include <utility>

#include "server/fleet/follower/node_duties.h"

namespace tcptool::fleet {
namespace {

// For each node of the fleet, between two reports of one: so its coordinator is
// told 200 times a second at most.
constexpr std::chrono::milliseconds kReportsOfANode(5);

absl::Status NotCoordinator() {
  return absl::FailedPreconditionError(
      "this node does not coordinate the fleet");
}

}  // namespace

FleetMember::FleetMember(const asio::any_io_executor& executor, EtcdCalls* etcd,
                         FleetMemberOptions options, server::WatchHub& hub,
                         Events events)
    : executor_(executor),
      etcd_(etcd, counts_),
      options_(std::move(options)),
      events_(std::move(events)),
      state_(options_.keys),
      lookup_(events_.get_progress, options_.now),
      distributions_(executor, &etcd_, state_, options_.node, hub, options_.now,
                     [this](const std::string& distribution, int64_t revision,
                            std::function<void(const ProgressByNode&)> done) {
                       GetProgress(distribution, revision, std::move(done));
                     }),
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
  report_timer_.expires_after(std::max<std::chrono::milliseconds>(
      options_.report_interval, kReportsOfANode * state_.nodes().size()));
  report_timer_.async_wait(
      [this, alive = std::weak_ptr(alive_)](std::error_code error) {
        if (error || alive.expired() || !follower_) return;
        Report();
        ReportLater();
      });
}

void FleetMember::Report() {
  const EdgeRates rates = follower_->TakeRates();
  const std::vector<NodeProgress> progress = follower_->Progress();
  if (rates.empty() && progress.empty()) return;
  if (const auto address = OtherCoordinator()) {
    return events_.report(*address, rates, progress);
  }
  // Unless it is not the coordinator.
  TakeReport(rates).IgnoreError();
  TakeProgress(progress).IgnoreError();
}

bool FleetMember::IsCoordinator() const {
  return coordinator_ && coordinator_->is_coordinator();
}

std::optional<std::string> FleetMember::OtherCoordinator() const {
  if (!state_.coordinator()) return std::nullopt;
  const std::string& coordinator = state_.coordinator()->value.node();
  const auto node = state_.nodes().find(coordinator);
  if (coordinator == options_.node || node == state_.nodes().end()) {
    return std::nullopt;
  }
  return node->second.value.peer_address();
}

absl::Status FleetMember::TakeReport(const EdgeRates& rates) {
  if (!IsCoordinator()) return NotCoordinator();
  coordinator_->ReportRates(rates, std::chrono::steady_clock::now());
  return absl::OkStatus();
}

absl::Status FleetMember::TakeProgress(
    const std::vector<NodeProgress>& progress) {
  if (!IsCoordinator()) return NotCoordinator();
  coordinator_->ReportProgress(progress, std::chrono::steady_clock::now());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<NodeProgress>> FleetMember::ToldProgress(
    const std::string& distribution, int64_t revision) {
  if (!IsCoordinator()) return NotCoordinator();
  return coordinator_->ProgressOf(distribution, revision,
                                  std::chrono::steady_clock::now());
}

void FleetMember::GetProgress(const std::string& distribution, int64_t revision,
                              std::function<void(const ProgressByNode&)> done) {
  DeliveryId id = {.distribution = distribution, .revision = revision};
  const auto found = state_.distributions().find(distribution);
  if (found != state_.distributions().end() && found->second.spec) {
    id = IdOf(distribution, *found->second.spec);
  }
  const auto told = ToldProgress(distribution, revision);
  if (told.ok()) return done(WithOwn(ByNode(*told, options_.now()), id));
  const auto address = OtherCoordinator();
  if (!address) return done(WithOwn({}, id));
  lookup_.Get(*address, distribution, revision,
              [this, id, done = std::move(done)](const ProgressByNode& known) {
                done(WithOwn(known, id));
              });
}

ProgressByNode FleetMember::WithOwn(ProgressByNode known,
                                    const DeliveryId& id) const {
  if (!follower_) return known;
  if (const auto own = follower_->ProgressOf(id)) {
    known[own->node] = {.bytes_received = own->bytes_received,
                        .bytes_per_second = own->bytes_per_second,
                        .time = options_.now()};
  }
  return known;
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
