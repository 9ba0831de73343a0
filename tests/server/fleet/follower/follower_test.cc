#include "server/fleet/follower/follower.h"

#include <asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/fleet/etcd/prefix_watch.h"
#include "server/fleet/state/values.h"
#include "tests/server/fleet/coordinator/test_fleet.h"
#include "tests/server/fleet/follower/test_port.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A process of the node "n2", as it is put together in the daemon.
class Process {
 public:
  Process(asio::io_context& thread, TestFleet& fleet, TestPort& port,
          const std::string& node = "n2")
      : thread_(thread),
        connection_(thread.get_executor(), &fleet.etcd()),
        state_(fleet.keys()),
        follower_(thread.get_executor(), &connection_, &state_, &port,
                  {.node = node, .now = [this] { return now; }},
                  {.trouble = [](const absl::Status&) {}}) {
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

 private:
  asio::io_context& thread_;
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
    process_ = std::make_unique<Process>(thread_, fleet_, port_);
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
               v1::DistributionState state = v1::DISTRIBUTION_STATE_RUNNING) {
    v1::Head head;
    head.set_epoch(epoch);
    head.set_state(state);
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
  std::unique_ptr<Process> process_;
};

TEST_F(FollowerTest, ReceivesFromTheNodesOfItsEdgeInTheirOrder) {
  Start();
  EXPECT_THAT(port_.contents, IsEmpty());
  Distribute();
  Settle();
  EXPECT_THAT(Parents(), ElementsAre("n1", "source"));
  EXPECT_FALSE(port_.contents.at("d").was_delivered);
  EXPECT_EQ(port_.begun, 1);
}

TEST_F(FollowerTest, TellsEachStateUnderTheIncarnationOfTheNode) {
  Distribute();
  Start();
  for (const auto state :
       {v1::DELIVERY_STATE_WAITING, v1::DELIVERY_STATE_RECEIVING,
        v1::DELIVERY_STATE_VERIFYING}) {
    Progress(state);
    EXPECT_EQ(Record().state(), state);
    EXPECT_FALSE(Record().has_end_time());
  }
  Progress(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Record().content().root(), ContentWithRoot('r').root());
  EXPECT_EQ(Record().end_time().seconds(), 1'000'000);
  EXPECT_EQ(
      Record().incarnation(),
      fleet_.etcd().keys().at(fleet_.keys().Node("n2")).create_revision());
}

TEST_F(FollowerTest, DoesNothingForAnEdgeThatIsNotInForce) {
  fleet_.AddDistribution("d");
  SetEdge("n1", 1);
  Start();
  SetHead(0);
  EXPECT_THAT(port_.contents, IsEmpty());
  SetHead(1);
  EXPECT_THAT(Parents(), ElementsAre("n1"));
}

TEST_F(FollowerTest, ObeysEdgesOfHigherEpochsAndNoLowerOnes) {
  fleet_.AddDistribution("d");
  SetEdge("n1", 3, "source");
  Start();
  SetHead(3);
  SetEdge("n3", 4, "source");
  SetHead(4);
  EXPECT_THAT(Parents(), ElementsAre("n3", "source"));
  EXPECT_EQ(port_.reparented, 1);
  SetEdge("n1", 2);
  Settle();
  EXPECT_THAT(Parents(), ElementsAre("n3", "source"));
  // The same nodes again are no change.
  SetEdge("n3", 5, "source");
  SetHead(5);
  EXPECT_EQ(port_.reparented, 1);
}

TEST_F(FollowerTest, AsksANodeWhoseRegistrationIsGoneWhereItWas) {
  fleet_.AddDistribution("d");
  SetEdge("n1", 1, "source");
  SetHead(1);
  Start();
  fleet_.KillNode("n1");
  Settle();
  EXPECT_THAT(Parents(), ElementsAre("n1", "source"));
  EXPECT_EQ(port_.reparented, 0);
}

TEST_F(FollowerTest, AsksANodeThatHasMovedWhereItIs) {
  Distribute();
  Start();
  v1::Node moved;
  moved.set_peer_address("192.0.2.99:7000");
  Change(fleet_.keys().Node("n1"), moved.SerializeAsString());
  ASSERT_EQ(port_.reparented, 1);
  EXPECT_EQ(port_.contents.at("d").nodes[0].address, "192.0.2.99:7000");
}

TEST_F(FollowerTest, OffersTheFileOfItsOwn) {
  fleet_.AddDistribution("d");
  process_ = std::make_unique<Process>(thread_, fleet_, port_, "source");
  Settle();
  EXPECT_EQ(port_.offered.SerializeAsString(),
            TestFleet::SpecToAll().file().SerializeAsString());
  Progress(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Record("source").state(), v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(port_.begun, 1);
  EXPECT_THAT(port_.contents, SizeIs(1)) << "It has to be there for others.";
}

TEST_F(FollowerTest, OffersTheFileAnewWhenTheDistributionGoesOn) {
  fleet_.AddDistribution("d");
  process_ = std::make_unique<Process>(thread_, fleet_, port_, "source");
  Settle();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  SetHead(1, v1::DISTRIBUTION_STATE_EXPIRED);
  EXPECT_THAT(port_.contents, IsEmpty());
  // As a retry does.
  fleet_.etcd().Delete(fleet_.keys().Delivery("d", "source"));
  SetHead(1);
  EXPECT_EQ(port_.begun, 2);
  EXPECT_EQ(Record("source").state(), v1::DELIVERY_STATE_UNSPECIFIED)
      << "It is not told what it was.";
}

TEST_F(FollowerTest, LetsGoOfWhatIsDeleted) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_RECEIVING);
  for (const std::string& key :
       {fleet_.keys().Spec("d"), fleet_.keys().Head("d"),
        fleet_.keys().Edge("d", "n2"), fleet_.keys().Delivery("d", "n2")}) {
    fleet_.etcd().Delete(key);
  }
  Settle();
  EXPECT_THAT(port_.contents, IsEmpty());
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_UNSPECIFIED);
}

TEST_F(FollowerTest, TakesOneThatIsMadeUnderAnOldNameForAnotherOne) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_RECEIVING);
  fleet_.etcd().Delete(fleet_.keys().Spec("d"));
  fleet_.AddDistribution("d");
  Settle();
  EXPECT_EQ(port_.begun, 2);
}

TEST_F(FollowerTest, CancelsWhatHasEndedWithoutIt) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_RECEIVING);
  SetHead(1, v1::DISTRIBUTION_STATE_EXPIRED);
  EXPECT_THAT(port_.contents, IsEmpty());
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_CANCELLED);
  EXPECT_THAT(Record().detail(), HasSubstr("EXPIRED"));
}

TEST_F(FollowerTest, TellsThatItIsCancelledAlsoIfItWasAwayThen) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_RECEIVING);
  process_.reset();
  port_.contents.clear();
  SetHead(1, v1::DISTRIBUTION_STATE_CANCELLED);
  Start();
  EXPECT_THAT(port_.contents, IsEmpty());
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_CANCELLED);
}

TEST_F(FollowerTest, KeepsWhatIsDeliveredWhenTheDistributionEnds) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  SetHead(1, v1::DISTRIBUTION_STATE_CANCELLED);
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_DELIVERED);
}

TEST_F(FollowerTest, TriesNothingAgainThatHasFailed) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_FAILED, "the disk is full");
  EXPECT_THAT(port_.contents, IsEmpty());
  EXPECT_EQ(Record().detail(), "the disk is full");
  Start();
  EXPECT_THAT(port_.contents, IsEmpty());
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_FAILED);
}

TEST_F(FollowerTest, TriesAgainWhenTheRecordOfItsFailureIsDeleted) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_FAILED);
  fleet_.etcd().Delete(fleet_.keys().Delivery("d", "n2"));
  Settle();
  EXPECT_EQ(port_.begun, 2);
  ASSERT_THAT(port_.contents, SizeIs(1));
  Progress(v1::DELIVERY_STATE_RECEIVING);
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_RECEIVING);
}

TEST_F(FollowerTest, TriesAgainWhatWasCancelledWhenTheDistributionGoesOn) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_RECEIVING);
  SetHead(1, v1::DISTRIBUTION_STATE_EXPIRED);
  fleet_.etcd().Delete(fleet_.keys().Delivery("d", "n2"));
  SetHead(1);
  ASSERT_THAT(port_.contents, SizeIs(1));
  EXPECT_EQ(port_.begun, 2);
}

TEST_F(FollowerTest, GoesOnAfterARestartAndTellsAnewWhatItHas) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  const int64_t before = Record().incarnation();
  process_.reset();
  port_.contents.clear();
  fleet_.KillNode("n2");
  fleet_.AddNode("n2");
  Start();
  ASSERT_THAT(port_.kept.back(), SizeIs(1));
  EXPECT_EQ(port_.kept.back().begin()->distribution, "d");
  EXPECT_TRUE(port_.contents.at("d").was_delivered);
  process_->now += absl::Hours(1);
  Progress(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_GT(Record().incarnation(), before);
  EXPECT_EQ(Record().end_time().seconds(), 1'000'000)
      << "It has it since then.";
}

TEST_F(FollowerTest, GivesToOthersWhatItHasAlsoIfNobodyElseIsThere) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  process_.reset();
  port_.contents.clear();
  fleet_.KillNode("source");
  fleet_.KillNode("n1");
  Start();
  ASSERT_THAT(port_.contents, SizeIs(1));
  EXPECT_THAT(Parents(), IsEmpty());
  EXPECT_TRUE(port_.contents.at("d").was_delivered);
  // It turns out that it has lost it.
  Progress(v1::DELIVERY_STATE_WAITING);
  fleet_.AddNode("n1");
  Settle();
  EXPECT_THAT(Parents(), ElementsAre("n1"));
}

TEST_F(FollowerTest, WaitsForSomebodyToHaveItFrom) {
  Distribute();
  fleet_.KillNode("source");
  fleet_.KillNode("n1");
  Start();
  EXPECT_THAT(port_.contents, IsEmpty());
  fleet_.AddNode("n1");
  Settle();
  EXPECT_THAT(Parents(), ElementsAre("n1"));
}

TEST_F(FollowerTest, KeepsNothingOfDistributionsThatAreOver) {
  Distribute();
  SetHead(1, v1::DISTRIBUTION_STATE_FAILED);
  Start();
  EXPECT_THAT(port_.kept, ElementsAre(IsEmpty()));
}

TEST_F(FollowerTest, GoesOnWithoutEtcdAndTellsLater) {
  Distribute();
  Start();
  process_->follower().SetIncarnation(0);
  Progress(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_UNSPECIFIED);
  EXPECT_THAT(port_.contents, SizeIs(1));
  process_->follower().SetIncarnation(
      fleet_.etcd().keys().at(fleet_.keys().Node("n2")).create_revision());
  Settle();
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_DELIVERED);
}

TEST_F(FollowerTest, CallsNothingOnceItIsGone) {
  Distribute();
  Start();
  const auto progress = port_.contents.at("d").progress;
  process_.reset();
  progress({.state = v1::DELIVERY_STATE_DELIVERED});
  Settle();
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_UNSPECIFIED);
  EXPECT_THAT(port_.contents, SizeIs(1)) << "It goes on.";
}

}  // namespace
}  // namespace tcptool::fleet
