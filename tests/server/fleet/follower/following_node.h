// A process of a node that follows its plan, on an etcd in memory.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_FOLLOWER_FOLLOWING_NODE_H_
#define TCPTOOL_TESTS_SERVER_FLEET_FOLLOWER_FOLLOWING_NODE_H_

#include <asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/fleet/counts/fleet_counts.h"
#include "server/fleet/etcd/prefix_watch.h"
#include "server/fleet/follower/follower.h"
#include "server/fleet/state/values.h"
#include "tests/server/fleet/coordinator/test_fleet.h"
#include "tests/server/fleet/follower/test_port.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"

namespace tcptool::fleet {

// A process of the node "n2", as it is put together in the daemon.
class FollowingProcess {
 public:
  FollowingProcess(asio::io_context& thread, TestFleet& fleet, TestPort& port,
                   const std::string& node = "n2")
      : connection_(thread.get_executor(), &fleet.etcd()),
        state_(fleet.keys()),
        follower_(thread.get_executor(), &connection_, &state_, &port,
                  {.node = node, .now = [this] { return now; }},
                  {.trouble = [](const absl::Status&) {},
                   .counted =
                       [this](const DeliveryCounts& now_held) {
                         counts = now_held;
                       }}) {
    watch_.emplace(
        thread.get_executor(), &connection_,
        PrefixWatchOptions{.prefix = fleet.keys().prefix()},
        PrefixWatch::Events{
            .changed =
                [this](const PrefixMirror::Changes& changes, int64_t revision) {
                  state_.Apply(changes);
                  follower_.Update(revision);
                },
            .trouble = [](const absl::Status&) {}});
    const auto& keys = fleet.etcd().keys();
    const auto key = keys.find(fleet.keys().Node(node));
    if (key != keys.end()) {
      follower_.SetIncarnation(key->second.create_revision());
    }
  }

  MemoryConnection& connection() { return connection_; }
  Follower& follower() { return follower_; }

  absl::Time now = absl::FromUnixSeconds(1'000'000);
  DeliveryCounts counts;  // As they were told last.

 private:
  MemoryConnection connection_;
  FleetState state_;
  Follower follower_;
  std::optional<PrefixWatch> watch_;
};

// A distribution "d" of a file of "source", whose chain is source, n1, n2, n3.
class FollowerTest : public ::testing::Test {
 protected:
  FollowerTest() {
    fleet_.AddNode("source");
    fleet_.AddNodes(3);
  }

  void Distribute() {
    fleet_.AddDistribution("d");
    fleet_.Coordinate();
  }
  void Start() {
    process_.reset();
    process_ = std::make_unique<FollowingProcess>(thread_, fleet_, port_);
    Settle();
  }
  // Until nothing is left to be done at once.
  void Settle() {
    thread_.restart();
    while (thread_.poll() > 0) {
    }
  }
  // One change of another's, and what comes of it.
  void Change(const std::string& key, const std::string& value) {
    fleet_.etcd().Put(key, value);
    Settle();
  }
  void SetEdge(const std::string& parent, int64_t epoch,
               const std::string& fallback = "") {
    v1::EdgeRecord record;
    record.mutable_edge()->set_epoch(epoch);
    record.mutable_edge()->set_parent(parent);
    if (!fallback.empty()) record.mutable_edge()->add_fallbacks(fallback);
    fleet_.etcd().Put(fleet_.keys().Edge("d", "n2"),
                      record.SerializeAsString());
  }
  void SetHead(int64_t epoch,
               v1::DistributionState state = v1::DISTRIBUTION_STATE_RUNNING,
               const std::optional<v1::Content>& content = std::nullopt) {
    v1::Head head;
    head.set_epoch(epoch);
    head.set_state(state);
    if (content) *head.mutable_content() = *content;
    Change(fleet_.keys().Head("d"), head.SerializeAsString());
  }
  void Progress(v1::DeliveryState state, const std::string& detail = "") {
    DeliveryProgress progress = {.state = state, .detail = detail};
    if (state == v1::DELIVERY_STATE_DELIVERED) {
      progress.content = ContentWithRoot('r');
    }
    const auto call = port_.contents.at("d").progress;
    call(progress);
    Settle();
  }
  // As etcd has it; not set: there is none.
  v1::Delivery Record(const std::string& node = "n2") const {
    v1::Delivery record;
    const auto& keys = fleet_.etcd().keys();
    const auto key = keys.find(fleet_.keys().Delivery("d", node));
    if (key != keys.end()) ParseValue(key->second.value(), record);
    return record;
  }
  std::vector<std::string> Parents() const {
    std::vector<std::string> names;
    const auto content = port_.contents.find("d");
    if (content == port_.contents.end()) return names;
    for (const SendingNode& node : content->second.nodes) {
      names.push_back(node.name);
    }
    return names;
  }

  asio::io_context thread_;
  mutable TestFleet fleet_;
  TestPort port_;
  std::unique_ptr<FollowingProcess> process_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_FOLLOWER_FOLLOWING_NODE_H_
