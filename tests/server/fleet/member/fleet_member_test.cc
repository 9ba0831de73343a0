#include "server/fleet/member/fleet_member.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/watch/watch_hub.h"
#include "tests/server/fleet/coordinator/test_fleet.h"
#include "tests/server/fleet/follower/test_port.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"

namespace tcptool::fleet {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// A process of a node, with a connection of its own.
class Process {
 public:
  Process(asio::io_context& thread, TestFleet& fleet, const std::string& node)
      : connection_(thread.get_executor(), &fleet.etcd()),
        member_(std::make_unique<FleetMember>(
            thread.get_executor(), &connection_,
            FleetMemberOptions{
                .keys = fleet.keys(),
                .node = node,
                .report_interval = std::chrono::milliseconds(20)},
            hub_,
            FleetMember::Events{
                .registered = [this](int64_t i) { incarnations.push_back(i); },
                .lost = [this](const absl::Status& s) { lost.push_back(s); },
                .refused =
                    [this](const absl::Status& s) { refused.push_back(s); },
                .coordinating = [this](bool is) { coordinates = is; },
                .slow = [this](const SlowNode& one) { slow.push_back(one); },
                .report =
                    [this](const std::string& address, const EdgeRates& rates,
                           const std::vector<NodeProgress>& all) {
                      if (!rates.empty()) reports.emplace_back(address, rates);
                      if (!all.empty()) progress.emplace_back(address, all);
                    },
                .trouble = [](const absl::Status&) {},
                .get_progress =
                    [this](const std::string& address, const std::string&,
                           int64_t,
                           std::function<void(ProgressLookup::Told)> done) {
                      asked.emplace_back(address, std::move(done));
                    }})) {
    v1::Node value;
    value.set_peer_address("192.0.2.1:9877");
    member_->Join(value, &port);
  }

  FleetMember& member() { return *member_; }
  bool Has(const std::string& distribution) const {
    return port.contents.contains(distribution);
  }

  std::vector<int64_t> incarnations;
  std::vector<absl::Status> lost;
  std::vector<absl::Status> refused;
  bool coordinates = false;
  std::vector<SlowNode> slow;
  std::vector<std::pair<std::string, EdgeRates>> reports;
  std::vector<std::pair<std::string, std::vector<NodeProgress>>> progress;
  std::vector<std::pair<std::string, std::function<void(ProgressLookup::Told)>>>
      asked;
  TestPort port;

 private:
  server::WatchHub hub_{1};
  MemoryConnection connection_;
  std::unique_ptr<FleetMember> member_;
};

class FleetMemberTest : public ::testing::Test {
 protected:
  std::unique_ptr<Process> Start(const std::string& node) {
    return std::make_unique<Process>(thread_, fleet_, node);
  }
  template <typename Condition>
  void RunUntil(Condition condition) {
    while (!condition()) thread_.run_one();
  }
  // Started, and registered.
  std::unique_ptr<Process> Join(const std::string& node) {
    auto process = Start(node);
    RunUntil([&] { return !process->incarnations.empty(); });
    return process;
  }
  // What can be done at once has been done.
  void Settle() {
    thread_.restart();
    while (thread_.poll() > 0) {
    }
  }
  bool IsThere(const std::string& key) const {
    return fleet_.etcd().keys().contains(key);
  }

  asio::io_context thread_;
  mutable TestFleet fleet_;
};

TEST_F(FleetMemberTest, NodesPlanAndDoWhatIsPlanned) {
  const auto source = Join("source");
  RunUntil([&] { return source->coordinates; });
  const auto one = Join("n1");
  const auto two = Join("n2");
  fleet_.AddDistribution("d");
  RunUntil([&] { return source->Has("d") && one->Has("d") && two->Has("d"); });
  EXPECT_THAT(source->port.contents["d"].nodes, IsEmpty()) << "It offers it.";
  EXPECT_EQ(fleet_.Parents("d").size(), 2u);
  EXPECT_FALSE(one->coordinates || two->coordinates);
}

TEST_F(FleetMemberTest, SecondNodeOfANameHasNoPart) {
  const auto source = Join("source");
  const auto first = Join("n1");
  const auto second = Start("n1");
  RunUntil([&] { return !second->refused.empty(); });
  EXPECT_TRUE(absl::IsAlreadyExists(second->refused[0]));
  fleet_.AddDistribution("d");
  RunUntil([&] { return first->Has("d"); });
  Settle();
  EXPECT_THAT(second->port.contents, IsEmpty());
  EXPECT_THAT(second->port.kept, IsEmpty())
      << "What it has may be the first one's.";

  first->member().Leave([] {});
  RunUntil([&] { return second->Has("d"); });
  EXPECT_THAT(second->incarnations, SizeIs(1));
}

TEST_F(FleetMemberTest, NodeThatLosesItsNameBeginsNothingMore) {
  const auto source = Join("source");
  const auto node = Join("n1");
  fleet_.AddDistribution("d");
  RunUntil([&] { return node->Has("d"); });
  // As after a partition: another one is registered.
  fleet_.KillNode("n1");
  fleet_.AddNode("n1");
  RunUntil([&] { return !node->refused.empty(); });
  EXPECT_THAT(node->lost, SizeIs(1));
  fleet_.AddDistribution("e");
  RunUntil([&] { return fleet_.Parents("e").contains("n1"); });
  Settle();
  EXPECT_FALSE(node->Has("e"));
  EXPECT_TRUE(node->Has("d")) << "What goes on goes on.";
}

TEST_F(FleetMemberTest, NodeThatLeavesIsGoneAtOnce) {
  const auto source = Join("source");
  RunUntil([&] { return source->coordinates; });
  const auto node = Join("n1");
  fleet_.AddDistribution("d");
  RunUntil([&] { return source->Has("d"); });
  bool left = false;
  source->member().Leave([&] { left = true; });
  RunUntil([&] { return left; });
  EXPECT_FALSE(IsThere(fleet_.keys().Node("source")));
  EXPECT_TRUE(source->Has("d")) << "Others may still be getting it from there.";
  RunUntil([&] { return node->coordinates; });
}

TEST_F(FleetMemberTest, NodeThatWasNotRegisteredCanLeave) {
  const auto first = Join("n1");
  const auto second = Start("n1");
  RunUntil([&] { return !second->refused.empty(); });
  bool left = false;
  second->member().Leave([&] { left = true; });
  RunUntil([&] { return left; });
  EXPECT_TRUE(IsThere(fleet_.keys().Node("n1")));
}

TEST_F(FleetMemberTest, NodeIsRegisteredAnewAfterALoss) {
  const auto node = Join("n1");
  fleet_.KillNode("n1");
  RunUntil([&] { return node->incarnations.size() == 2; });
  EXPECT_THAT(node->lost, SizeIs(1));
  EXPECT_GT(node->incarnations[1], node->incarnations[0]);
}

TEST_F(FleetMemberTest, NodesTellTheCoordinatorHowFastTheyReceive) {
  const auto one = Join("n1");
  RunUntil([&] { return one->coordinates; });
  const auto source = Join("source");
  const auto two = Join("n2");
  fleet_.AddDistribution("d");
  RunUntil([&] { return one->Has("d") && two->Has("d"); });
  Settle();
  ASSERT_EQ(fleet_.Parents("d").at("n2"), "n1");

  auto& own = one->port.rates["d"];
  own = {.parent = "source", .busy = std::chrono::seconds(10), .bytes = 1000};
  RunUntil([&] { return !own; });
  EXPECT_THAT(one->reports, IsEmpty()) << "It tells itself.";
  two->port.rates["d"] = {
      .parent = "n1", .busy = std::chrono::seconds(10), .bytes = 100};
  RunUntil([&] { return !two->reports.empty(); });
  const auto& [address, rates] = two->reports[0];
  EXPECT_EQ(address, "192.0.2.1:9877");
  ASSERT_THAT(rates, SizeIs(1));
  EXPECT_EQ(rates[0].distribution, "d");
  EXPECT_EQ(rates[0].node, "n2");
  EXPECT_EQ(rates[0].parent, "n1");
  EXPECT_EQ(rates[0].epoch, fleet_.Head("d").epoch());

  EXPECT_TRUE(absl::IsFailedPrecondition(source->member().TakeReport(rates)));
  EXPECT_EQ(one->member().TakeReport(rates), absl::OkStatus());
  ASSERT_THAT(one->slow, SizeIs(1));
  EXPECT_EQ(one->slow[0].node, "n2");
  EXPECT_EQ(one->member().counts().Read().slow_nodes, 1u);
}

TEST_F(FleetMemberTest, NodesTellTheCoordinatorHowFarTheyAre) {
  const auto one = Join("n1");
  RunUntil([&] { return one->coordinates; });
  const auto source = Join("source");
  const auto two = Join("n2");
  fleet_.AddDistribution("d");
  RunUntil([&] { return one->Has("d") && two->Has("d"); });
  Settle();
  const int64_t revision =
      fleet_.State().distributions().at("d").spec->create_revision;

  two->port.received["d"] = {.received = 100, .per_second = 10};
  RunUntil([&] { return !two->progress.empty(); });
  const auto [address, progress] = two->progress[0];
  EXPECT_EQ(address, "192.0.2.1:9877");
  ASSERT_THAT(progress, SizeIs(1));
  EXPECT_EQ(progress[0].distribution, "d");
  EXPECT_EQ(progress[0].revision, revision);
  EXPECT_EQ(progress[0].node, "n2");
  EXPECT_EQ(progress[0].bytes_received, 100);
  EXPECT_EQ(progress[0].bytes_per_second, 10);

  EXPECT_TRUE(
      absl::IsFailedPrecondition(source->member().TakeProgress(progress)));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      source->member().ToldProgress("d", revision).status()));
  EXPECT_EQ(one->member().TakeProgress(progress), absl::OkStatus());
  const auto told = one->member().ToldProgress("d", revision);
  ASSERT_TRUE(told.ok()) << told.status();
  ASSERT_THAT(*told, SizeIs(1));
  EXPECT_EQ((*told)[0].bytes_received, 100);

  one->port.received["d"] = {.received = 200, .per_second = 20};
  RunUntil(
      [&] { return one->member().ToldProgress("d", revision)->size() > 1; });
  EXPECT_THAT(one->progress, IsEmpty()) << "It tells itself.";
}

TEST_F(FleetMemberTest, ClientsGetWhatTheCoordinatorKnowsAndWhatIsHere) {
  const auto one = Join("n1");
  RunUntil([&] { return one->coordinates; });
  const auto source = Join("source");
  const auto two = Join("n2");
  fleet_.AddDistribution("d");
  RunUntil([&] { return one->Has("d") && two->Has("d"); });
  Settle();
  two->port.received["d"] = {.received = 100, .per_second = 10};

  std::optional<api::ListDeliveriesResponse> listed;
  const auto list = [&](Process& process) {
    listed.reset();
    api::ListDeliveriesRequest request;
    request.set_parent("distributions/d");
    process.member().distributions().ListDeliveries(
        request,
        [&](const absl::StatusOr<api::ListDeliveriesResponse>& response) {
          listed = *response;
        });
  };
  list(*two);
  RunUntil([&] { return !two->asked.empty(); });
  EXPECT_EQ(two->asked[0].first, "192.0.2.1:9877");
  EXPECT_FALSE(listed);
  two->asked[0].second(
      std::vector<NodeProgress>{{.node = "n1", .bytes_received = 7},
                                {.node = "n2", .bytes_received = 50}});
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->deliveries_size(), 2);
  EXPECT_EQ(listed->deliveries(0).bytes_received(), 7);
  EXPECT_TRUE(listed->deliveries(0).has_bytes_per_second());
  EXPECT_TRUE(listed->deliveries(0).has_progress_time());
  EXPECT_EQ(listed->deliveries(1).bytes_received(), 100) << "It knows better.";

  list(*source);
  RunUntil([&] { return !source->asked.empty(); });
  source->asked[0].second(std::nullopt);
  ASSERT_TRUE(listed);
  EXPECT_FALSE(listed->deliveries(0).has_bytes_received());
  EXPECT_FALSE(listed->deliveries(1).has_progress_time());

  one->port.received["d"] = {.received = 200};
  list(*one);
  RunUntil([&] { return listed.has_value(); });
  EXPECT_THAT(one->asked, IsEmpty());
  EXPECT_EQ(listed->deliveries(0).bytes_received(), 200);
}

TEST_F(FleetMemberTest, CountsWhatItIsAndWhatItSees) {
  const auto one = Join("n1");
  const FleetCounts& counts = one->member().counts();
  RunUntil([&] { return one->coordinates; });
  const auto two = Join("n2");
  RunUntil([&] { return counts.Read().nodes == 2; });
  FleetMeasures measures = counts.Read();
  EXPECT_TRUE(measures.is_registered);
  EXPECT_TRUE(measures.is_coordinator);
  EXPECT_TRUE(measures.is_etcd_reachable);
  EXPECT_EQ(measures.coordinator_changes, 0u);
  measures = two->member().counts().Read();
  EXPECT_TRUE(measures.is_registered);
  EXPECT_FALSE(measures.is_coordinator);

  const auto source = Join("source");
  fleet_.AddDistribution("d");
  RunUntil([&] { return one->Has("d"); });
  one->port.contents["d"].progress({.state = v1::DELIVERY_STATE_RECEIVING});
  measures = counts.Read();
  EXPECT_EQ(measures.deliveries.held[v1::DELIVERY_STATE_RECEIVING], 1);

  fleet_.KillNode("n1");
  RunUntil([&] { return !one->lost.empty(); });
  EXPECT_FALSE(counts.Read().is_registered);
  RunUntil([&] { return one->incarnations.size() == 2; });
  EXPECT_TRUE(counts.Read().is_registered);

  bool left = false;
  one->member().Leave([&] { left = true; });
  RunUntil([&] { return left; });
  measures = counts.Read();
  EXPECT_FALSE(measures.is_registered);
  EXPECT_FALSE(measures.is_coordinator);
  const FleetCounts& others = source->member().counts();
  RunUntil([&] { return others.Read().coordinator_changes == 1; });
}

TEST_F(FleetMemberTest, RatesThatNobodyCoordinatesAreDropped) {
  auto one = Join("n1");
  RunUntil([&] { return one->coordinates; });
  const auto source = Join("source");
  const auto two = Join("n2");
  fleet_.AddDistribution("d");
  RunUntil([&] { return two->Has("d"); });
  Settle();
  // It is not registered again, and its name as coordinator stays for a while.
  one.reset();
  fleet_.KillNode("n1");
  Settle();
  auto& rate = two->port.rates["d"];
  rate = {.parent = "n1", .busy = std::chrono::seconds(10), .bytes = 100};
  RunUntil([&] { return !rate; });
  EXPECT_THAT(two->reports, IsEmpty());
}

}  // namespace
}  // namespace tcptool::fleet
