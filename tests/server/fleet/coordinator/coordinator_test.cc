#include "server/fleet/coordinator/coordinator.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/candidate.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;

class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() {
    fleet_.AddNode("source");
    fleet_.AddNodes(3);
    fleet_.AddDistribution("d");
  }
  template <typename Condition>
  void RunUntil(Condition condition) {
    while (!condition()) thread_.run_one();
  }
  void RunUntilState(v1::DistributionState state) {
    RunUntil([&] {
      const FleetState now = fleet_.State();
      const auto found = now.distributions().find("d");
      return found != now.distributions().end() && found->second.head &&
             found->second.head->value.state() == state;
    });
  }
  // That n1 receives fast, and n2 does not.
  void TellRates(Candidate& candidate) {
    candidate.coordinator().ReportRates(
        {fleet_.Rate("d", "n1", 1000), fleet_.Rate("d", "n2", 100)}, {});
  }
  std::string CoordinatorNow() {
    const FleetState state = fleet_.State();
    return state.coordinator() ? state.coordinator()->value.node() : "";
  }

  asio::io_context thread_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{
      thread_.get_executor()};
  TestFleet fleet_;
};

TEST_F(CoordinatorTest, PlansWhatThereIs) {
  Candidate a(thread_, fleet_, "a");
  EXPECT_FALSE(a.coordinator().is_coordinator());
  RunUntilState(v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_TRUE(a.coordinator().is_coordinator());
  EXPECT_EQ(CoordinatorNow(), "a");
  EXPECT_EQ(fleet_.Parents("d").size(), 3U);
}

TEST_F(CoordinatorTest, PlansAnewWhenANodeDies) {
  const Candidate a(thread_, fleet_, "a");
  RunUntilState(v1::DISTRIBUTION_STATE_RUNNING);
  ASSERT_EQ(fleet_.Parents("d").at("n3"), "n2");
  fleet_.KillNode("n2");
  RunUntil([&] { return fleet_.Parents("d").at("n3") == "n1"; });
  EXPECT_EQ(fleet_.Head("d").epoch(), 2);
}

TEST_F(CoordinatorTest, SaysWhenAllHaveIt) {
  const Candidate a(thread_, fleet_, "a");
  RunUntilState(v1::DISTRIBUTION_STATE_RUNNING);
  for (const std::string node : {"n1", "n2", "n3"}) {
    fleet_.PutDelivery("d", node, v1::DELIVERY_STATE_DELIVERED);
  }
  RunUntilState(v1::DISTRIBUTION_STATE_SUCCEEDED);
}

TEST_F(CoordinatorTest, AnotherTakesOverAtOnceWhenItResigns) {
  Candidate a(thread_, fleet_, "a");
  RunUntilState(v1::DISTRIBUTION_STATE_RUNNING);
  const Candidate b(thread_, fleet_, "b");
  bool is_done = false;
  a.coordinator().Resign([&is_done](const absl::Status& status) {
    EXPECT_EQ(status, absl::OkStatus());
    is_done = true;
  });
  EXPECT_FALSE(a.coordinator().is_coordinator());
  fleet_.KillNode("n2");
  RunUntil([&] { return fleet_.Parents("d").at("n3") == "n1"; });
  EXPECT_EQ(CoordinatorNow(), "b");
  EXPECT_TRUE(is_done);
}

TEST_F(CoordinatorTest, StepsDownWhenItsKeyIsNotItsOwnAnyMore) {
  Candidate a(thread_, fleet_, "a");
  RunUntilState(v1::DISTRIBUTION_STATE_RUNNING);
  // An operator takes it away.
  fleet_.etcd().Delete(fleet_.keys().Coordinator());
  RunUntil([&] { return a.changes.size() == 3; });
  EXPECT_THAT(a.changes, ElementsAre(true, false, true));
}

// It is told of nothing, and believes to be the coordinator until it writes.
TEST_F(CoordinatorTest, OneThatOnlyBelievesToBeItWritesNothing) {
  Candidate a(thread_, fleet_, "a");
  RunUntilState(v1::DISTRIBUTION_STATE_RUNNING);
  // It has heard of its own writes.
  thread_.poll();
  fleet_.etcd().Delete(fleet_.keys().Coordinator());
  v1::Coordinator other;
  other.set_node("other");
  fleet_.etcd().Put(fleet_.keys().Coordinator(), other.SerializeAsString());
  // Before any event comes, it decides.
  bool has_written = false;
  a.connection().fate = [&](const etcdserverpb::TxnRequest&) {
    has_written = true;
    return Fate::kAnswered;
  };
  a.connection().DropEvents();
  ASSERT_TRUE(a.coordinator().is_coordinator());
  fleet_.KillNode("n2");
  TellRates(a);
  const v1::Head before = fleet_.Head("d");
  RunUntil([&] { return !a.coordinator().is_coordinator(); });
  EXPECT_TRUE(has_written);
  EXPECT_EQ(fleet_.Head("d").SerializeAsString(), before.SerializeAsString());
  EXPECT_EQ(CoordinatorNow(), "other");
}

TEST_F(CoordinatorTest, MovesASlowNodeToTheEnd) {
  Candidate a(thread_, fleet_, "a");
  RunUntilState(v1::DISTRIBUTION_STATE_RUNNING);
  ASSERT_EQ(fleet_.Parents("d").at("n3"), "n2");
  // It has heard of its own writes.
  thread_.poll();
  TellRates(a);
  ASSERT_EQ(a.slow.size(), 1U);
  EXPECT_EQ(a.slow[0].node, "n2");
  RunUntil([&] { return fleet_.Parents("d").at("n2") == "n3"; });
  EXPECT_EQ(fleet_.Parents("d").at("n3"), "n1");
}

TEST_F(CoordinatorTest, OneThatIsItNoMoreIsToldNothing) {
  Candidate a(thread_, fleet_, "a");
  RunUntilState(v1::DISTRIBUTION_STATE_RUNNING);
  a.coordinator().Resign([](const absl::Status&) {});
  TellRates(a);
  EXPECT_TRUE(a.slow.empty());
}

TEST_F(CoordinatorTest, EndsADistributionThatExpires) {
  v1::DistributionSpec spec = TestFleet::SpecToAll();
  spec.mutable_expire_time()->set_seconds(1'000'001);
  fleet_.AddDistribution("d", spec);
  Candidate a(thread_, fleet_, "a");
  RunUntilState(v1::DISTRIBUTION_STATE_RUNNING);
  a.now += absl::Seconds(1);
  RunUntilState(v1::DISTRIBUTION_STATE_EXPIRED);
}

TEST_F(CoordinatorTest, GoesOnWhenItsWatchesEnd) {
  Candidate a(thread_, fleet_, "a");
  RunUntilState(v1::DISTRIBUTION_STATE_RUNNING);
  a.connection().EndWatches();
  fleet_.KillNode("n2");
  RunUntil([&] { return fleet_.Parents("d").at("n3") == "n1"; });
  EXPECT_THAT(a.changes, ElementsAre(true));
}

}  // namespace
}  // namespace tcptool::fleet
