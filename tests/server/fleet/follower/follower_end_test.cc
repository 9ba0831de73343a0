// What becomes of deliveries when distributions end or are tried again, and
// when the node starts anew.
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/follower/following_node.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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

TEST_F(FollowerTest, HasWhatItTurnsOutToHaveWhenItIsCancelled) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_RECEIVING);
  SetHead(1, v1::DISTRIBUTION_STATE_CANCELLED);
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_CANCELLED);
  port_.cancelled.at("d")(
      {.state = v1::DELIVERY_STATE_DELIVERED, .content = ContentWithRoot('r')});
  Settle();
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Record().content().root(), ContentWithRoot('r').root());
  EXPECT_EQ(Record().detail(), "");
}

TEST_F(FollowerTest, TellsNothingOfACancelledOneThatIsTriedAgain) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_RECEIVING);
  SetHead(1, v1::DISTRIBUTION_STATE_EXPIRED);
  fleet_.etcd().Delete(fleet_.keys().Delivery("d", "n2"));
  SetHead(1);
  Progress(v1::DELIVERY_STATE_RECEIVING);
  port_.cancelled.at("d")(
      {.state = v1::DELIVERY_STATE_DELIVERED, .content = ContentWithRoot('r')});
  Settle();
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_RECEIVING);
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
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_WAITING);
  EXPECT_FALSE(Record().has_end_time());
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
