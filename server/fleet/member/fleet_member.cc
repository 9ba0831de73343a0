#include "server/fleet/member/fleet_member.h"

#include <memory>
#include <utility>

namespace tcptool::fleet {

FleetMember::FleetMember(const asio::any_io_executor& executor, EtcdCalls* etcd,
                         FleetMemberOptions options, server::WatchHub& hub,
                         Events events)
    : executor_(executor),
      etcd_(etcd),
      options_(std::move(options)),
      events_(std::move(events)),
      state_(options_.keys),
      distributions_(executor, etcd, state_, hub, options_.now),
      watch_(
          executor, etcd, {.prefix = options_.keys.prefix()},
          {.changed = [this](const PrefixMirror::Changes& changes,
                             int64_t revision) { Changed(changes, revision); },
           .trouble = events_.trouble}) {}

FleetMember::~FleetMember() { StopAnswering(); }

void FleetMember::Join(const v1::Node& node, DeliveryPort* port) {
  follower_.emplace(executor_, etcd_, &state_, port,
                    FollowerOptions{.node = options_.node, .now = options_.now},
                    Follower::Events{.trouble = events_.trouble});
  registration_.emplace(
      executor_, etcd_, options_.keys, options_.node, node,
      Registration::Events{
          .registered =
              [this](int64_t incarnation) { Registered(incarnation); },
          .lost =
              [this](const absl::Status& status) {
                follower_->SetIncarnation(0);
                events_.lost(status);
              },
          .refused =
              [this](const absl::Status& status) {
                has_name_ = false;
                events_.refused(status);
              },
          .trouble = events_.trouble});
}

void FleetMember::Registered(int64_t incarnation) {
  has_name_ = true;
  events_.registered(incarnation);
  follower_->SetIncarnation(incarnation);
  Follow();
  // Not before: others could not tell which of two nodes of one name plans.
  if (coordinator_) return;
  coordinator_.emplace(
      executor_, etcd_,
      CoordinatorOptions{
          .keys = options_.keys, .node = options_.node, .now = options_.now},
      Coordinator::Events{.changed = events_.coordinating,
                          .trouble = events_.trouble});
}

void FleetMember::Changed(const PrefixMirror::Changes& changes,
                          int64_t revision) {
  state_.Apply(changes);
  revision_ = revision;
  distributions_.Changed(changes, revision);
  Follow();
}

void FleetMember::Follow() {
  if (has_name_ && follower_ && revision_ > 0) follower_->Update(revision_);
}

void FleetMember::Leave(std::function<void()> done) {
  follower_.reset();
  const auto both = std::make_shared<int>(coordinator_ ? 2 : 1);
  const auto one = [both, done = std::move(done)](const absl::Status&) {
    if (--*both == 0) done();
  };
  if (coordinator_) coordinator_->Resign(one);
  registration_->Withdraw(one);
}

}  // namespace tcptool::fleet
