// When a node serves recipients that are no nodes, and what it tells of that.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/follower/following_node.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FollowerServingTest : public FollowerTest {
 protected:
  void DistributeAndServe() {
    v1::DistributionSpec spec = TestFleet::SpecToAll();
    spec.mutable_serve();
    fleet_.AddDistribution("d", spec);
    fleet_.Coordinate();
  }
  void StartAs(const std::string& node) {
    process_ = std::make_unique<FollowingProcess>(thread_, fleet_, port_, node);
    Settle();
  }
  void Tell(int delivered) {
    v1::Serving serving;
    serving.set_session("sessions/s");
    serving.set_endpoint("192.0.2.1:7000");
    serving.set_connected(1);
    serving.set_delivered(delivered);
    const auto tell = port_.served.at("d").tell;
    tell(serving);
    Settle();
  }
  // A new process of it.
  void StartAgain() {
    process_.reset();
    port_.contents.clear();
    port_.served.clear();
    Start();
  }
};

TEST_F(FollowerServingTest, ServesNobodyUnlessTheDistributionSaysSo) {
  Distribute();
  Start();
  EXPECT_THAT(port_.contents, SizeIs(1));
  EXPECT_THAT(port_.served, IsEmpty());
  EXPECT_THAT(port_.kept_served, ElementsAre(IsEmpty()));
}

TEST_F(FollowerServingTest, ServesWhileItReceivesAndTellsSo) {
  DistributeAndServe();
  Start();
  ASSERT_THAT(port_.served, SizeIs(1));
  EXPECT_FALSE(port_.served.at("d").source.has_value());
  Progress(v1::DELIVERY_STATE_RECEIVING);
  EXPECT_FALSE(Record().has_serving());
  Tell(2);
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_RECEIVING);
  EXPECT_EQ(Record().serving().endpoint(), "192.0.2.1:7000");
  EXPECT_EQ(Record().serving().delivered(), 2);
  // What is told of the content later has it as well.
  Progress(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Record().serving().delivered(), 2);
}

TEST_F(FollowerServingTest, TheSourceServesItsFile) {
  DistributeAndServe();
  StartAs("source");
  Progress(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_THAT(port_.served, IsEmpty()) << "It is not known yet what it is.";
  SetHead(1, v1::DISTRIBUTION_STATE_RUNNING, ContentWithRoot('r'));
  ASSERT_THAT(port_.served, SizeIs(1));
  EXPECT_EQ(port_.served.at("d").source->root(), ContentWithRoot('r').root());
  Tell(1);
  EXPECT_EQ(Record("source").serving().delivered(), 1);
  SetHead(1, v1::DISTRIBUTION_STATE_SUCCEEDED, ContentWithRoot('r'));
  Tell(2);
  EXPECT_EQ(Record("source").serving().delivered(), 2);
}

// As one update tells it that covers an end and a retry.
TEST_F(FollowerServingTest, TheSourceServesAnewWhatAnotherContentIsMadeOf) {
  DistributeAndServe();
  StartAs("source");
  Progress(v1::DELIVERY_STATE_DELIVERED);
  SetHead(1, v1::DISTRIBUTION_STATE_RUNNING, ContentWithRoot('r'));
  Tell(1);
  SetHead(2, v1::DISTRIBUTION_STATE_RUNNING, ContentWithRoot('r'));
  EXPECT_NE(Record("source").serving().endpoint(), "") << "It is the same.";
  SetHead(3, v1::DISTRIBUTION_STATE_RUNNING, ContentWithRoot('s'));
  EXPECT_EQ(Record("source").serving().endpoint(), "");
  ASSERT_THAT(port_.served, SizeIs(1));
  EXPECT_EQ(port_.served.at("d").source->root(), ContentWithRoot('s').root());
  Tell(0);
  EXPECT_NE(Record("source").serving().endpoint(), "");
}

TEST_F(FollowerServingTest, GoesOnWhenTheDistributionHasSucceeded) {
  DistributeAndServe();
  Start();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  Tell(1);
  SetHead(1, v1::DISTRIBUTION_STATE_SUCCEEDED);
  EXPECT_THAT(port_.contents, IsEmpty());
  Tell(2);
  EXPECT_EQ(Record().serving().delivered(), 2);
  StartAgain();
  EXPECT_THAT(port_.contents, IsEmpty());
  ASSERT_THAT(port_.served, SizeIs(1));
  EXPECT_THAT(port_.kept_served.back(), SizeIs(1));
  Tell(3);
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Record().serving().delivered(), 3);
}

TEST_F(FollowerServingTest, EndsWithADistributionThatIsCancelled) {
  DistributeAndServe();
  Start();
  Progress(v1::DELIVERY_STATE_RECEIVING);
  Tell(1);
  SetHead(1, v1::DISTRIBUTION_STATE_CANCELLED);
  EXPECT_THAT(port_.served, IsEmpty());
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_CANCELLED);
  EXPECT_EQ(Record().serving().session(), "sessions/s");
  EXPECT_EQ(Record().serving().endpoint(), "");
  EXPECT_EQ(Record().serving().connected(), 0);
  EXPECT_EQ(Record().serving().delivered(), 1);
  StartAgain();
  EXPECT_THAT(port_.served, IsEmpty());
  EXPECT_THAT(port_.kept_served.back(), IsEmpty());
}

TEST_F(FollowerServingTest, EndsWithADistributionThatIsDeleted) {
  DistributeAndServe();
  Start();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  fleet_.etcd().Delete(fleet_.keys().Spec("d"));
  Settle();
  EXPECT_THAT(port_.served, IsEmpty());
}

TEST_F(FollowerServingTest, EndsWithADeliveryThatHasFailed) {
  DistributeAndServe();
  Start();
  Progress(v1::DELIVERY_STATE_FAILED, "no space");
  EXPECT_THAT(port_.served, IsEmpty());
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_FAILED);
  EXPECT_EQ(Record().detail(), "no space");
  // Tried again, it is served again.
  fleet_.etcd().Delete(fleet_.keys().Delivery("d", "n2"));
  Settle();
  EXPECT_THAT(port_.served, SizeIs(1));
}

}  // namespace
}  // namespace tcptool::fleet
