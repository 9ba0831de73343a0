// What a node does for its edges, and what it tells.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/follower/following_node.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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

TEST_F(FollowerTest, TellsThatItCannotGiveWhatItHas) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  process_->now += absl::Hours(1);
  port_.contents.at("d").progress({.state = v1::DELIVERY_STATE_DELIVERED,
                                   .content = ContentWithRoot('r'),
                                   .not_given = "its file was changed"});
  Settle();
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Record().not_given(), "its file was changed");
  EXPECT_EQ(Record().end_time().seconds(), 1'000'000)
      << "It has it since then.";
}

TEST_F(FollowerTest, TellsEachMove) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_RECEIVING);
  v1::ParentMove move;
  move.set_from("n1");
  move.set_to("source");
  const auto progress = port_.contents.at("d").progress;
  progress({.state = v1::DELIVERY_STATE_RECEIVING, .moves = {move}});
  Settle();
  ASSERT_THAT(Record().moves(), SizeIs(1));
  EXPECT_EQ(Record().moves(0).from(), "n1");
  progress({.state = v1::DELIVERY_STATE_RECEIVING, .moves = {move, move}});
  Settle();
  EXPECT_THAT(Record().moves(), SizeIs(2));
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

TEST_F(FollowerTest, ObeysAnEtcdThatHasGoneBack) {
  fleet_.AddDistribution("d");
  SetEdge("n1", 1, "source");
  SetHead(1);
  Start();
  const MemoryEtcd backup = fleet_.etcd();
  SetEdge("n3", 7, "source");
  SetHead(7);
  Progress(v1::DELIVERY_STATE_RECEIVING);
  ASSERT_THAT(Parents(), ElementsAre("n3", "source"));
  fleet_.etcd().Restore(backup);
  process_->connection().EndWatches();
  thread_.restart();
  while (Record().state() != v1::DELIVERY_STATE_RECEIVING) thread_.run_one();
  EXPECT_THAT(Parents(), ElementsAre("n1", "source"));
  EXPECT_EQ(port_.begun, 1) << "What it receives goes on.";
  SetEdge("source", 2, "n1");
  SetHead(2);
  EXPECT_THAT(Parents(), ElementsAre("source", "n1"));
}

TEST_F(FollowerTest, ObeysAnEtcdThatHasGoneBackAndComeAsFarAgain) {
  fleet_.AddDistribution("d");
  SetEdge("n1", 1, "source");
  SetHead(1);
  Start();
  const MemoryEtcd backup = fleet_.etcd();
  SetEdge("n3", 7, "source");
  SetHead(7);
  ASSERT_THAT(Parents(), ElementsAre("n3", "source"));
  const int64_t before = fleet_.etcd().revision();
  fleet_.etcd().Restore(backup);
  while (fleet_.etcd().revision() < before + 2) {
    fleet_.etcd().Put("/of/others", "");
  }
  // So that the nodes list.
  fleet_.etcd().Compact(before + 2);
  process_->connection().EndWatches();
  thread_.restart();
  while (Parents().front() != "n1") thread_.run_one();
  EXPECT_EQ(port_.begun, 1) << "What it receives goes on.";
}

TEST_F(FollowerTest, HasItSentNoFasterThanTheDistributionAndItsEdgesSay) {
  v1::DistributionSpec spec = TestFleet::SpecToAll();
  spec.set_node_bytes_per_second(1000);
  spec.set_source_bytes_per_second(2000);
  fleet_.AddDistribution("d", spec);
  const auto put_child = [this](const std::string& node, int64_t cap,
                                int64_t epoch) {
    v1::EdgeRecord record;
    record.mutable_edge()->set_epoch(epoch);
    record.mutable_edge()->set_parent("n2");
    record.mutable_edge()->set_cap_bytes_per_second(cap);
    fleet_.etcd().Put(fleet_.keys().Edge("d", node),
                      record.SerializeAsString());
  };
  SetEdge("source", 1);
  put_child("n3", 300, 1);
  SetHead(1);
  Start();
  const auto& limits = port_.contents.at("d").limits;
  EXPECT_THAT(limits, ElementsAre(SendingLimits{.total = 1000, .each = 300}));
  put_child("n1", 200, 2);
  Settle();
  EXPECT_THAT(limits, SizeIs(1)) << "It is not in force.";
  SetHead(2);
  EXPECT_EQ(limits.back(), (SendingLimits{.total = 1000, .each = 200}));
  put_child("n1", 0, 3);
  SetHead(3);
  EXPECT_EQ(limits.back(), (SendingLimits{.total = 1000, .each = 300}));

  process_ =
      std::make_unique<FollowingProcess>(thread_, fleet_, port_, "source");
  Settle();
  EXPECT_THAT(port_.contents.at("d").limits,
              ElementsAre(SendingLimits{.total = 2000}));
}

TEST_F(FollowerTest, LimitsItAnewWhenItIsBegunAnew) {
  Distribute();
  Start();
  EXPECT_THAT(port_.contents.at("d").limits, SizeIs(1));
  Progress(v1::DELIVERY_STATE_FAILED);
  ASSERT_THAT(port_.contents, IsEmpty());
  fleet_.etcd().Delete(fleet_.keys().Delivery("d", "n2"));
  Settle();
  EXPECT_THAT(port_.contents.at("d").limits, SizeIs(1));
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
  process_ =
      std::make_unique<FollowingProcess>(thread_, fleet_, port_, "source");
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
  process_ =
      std::make_unique<FollowingProcess>(thread_, fleet_, port_, "source");
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

TEST_F(FollowerTest, TellsOfARateWhatThePortHasMeasured) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  Start();
  port_.rates["d"] = ReceivedRate{.parent = "n1",
                                  .busy = std::chrono::seconds(1),
                                  .bytes = 5,
                                  .observed = std::chrono::seconds(2),
                                  .observed_bytes = 7,
                                  .allowed = 9};
  const EdgeRates rates = process_->follower().TakeRates();
  ASSERT_THAT(rates, SizeIs(1));
  EXPECT_EQ(rates[0].distribution, "d");
  EXPECT_EQ(rates[0].parent, "n1");
  EXPECT_EQ(rates[0].epoch, fleet_.Head("d").epoch());
  EXPECT_EQ(rates[0].busy, std::chrono::seconds(1));
  EXPECT_EQ(rates[0].bytes, 5u);
  EXPECT_EQ(rates[0].observed, std::chrono::seconds(2));
  EXPECT_EQ(rates[0].observed_bytes, 7u);
  EXPECT_EQ(rates[0].allowed, 9u);
}

TEST_F(FollowerTest, RatesThatAreTooManyForOnceAllHaveTheirTurn) {
  constexpr size_t kAll = kMostEdgeRates + 1;
  for (size_t i = 0; i < kAll; ++i) {
    fleet_.AddDistribution(absl::StrCat("d", i));
  }
  fleet_.Coordinate();
  Start();
  // Each comes on all the while.
  std::set<std::string> taken;
  const auto take = [&] {
    for (size_t i = 0; i < kAll; ++i) {
      port_.rates[absl::StrCat("d", i)] = ReceivedRate{
          .parent = "n1", .busy = std::chrono::seconds(1), .bytes = 5};
    }
    const EdgeRates rates = process_->follower().TakeRates();
    for (const EdgeRate& rate : rates) taken.insert(rate.distribution);
    return rates;
  };
  EXPECT_THAT(take(), SizeIs(kMostEdgeRates));
  EXPECT_THAT(take(), SizeIs(kMostEdgeRates));
  EXPECT_THAT(taken, SizeIs(kAll));
}

}  // namespace
}  // namespace tcptool::fleet
