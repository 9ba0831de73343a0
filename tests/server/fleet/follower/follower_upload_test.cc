// The part of the node that a content is uploaded to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/server/fleet/follower/following_node.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "d" is uploaded to "n2".
class FollowerUploadTest : public FollowerTest {
 protected:
  FollowerUploadTest() {
    v1::DistributionSpec spec = TestFleet::SpecToAll();
    spec.set_source_node("n2");
    spec.mutable_upload();
    fleet_.AddDistribution("d", spec);
  }
  const TestPort::Content& content() const { return port_.contents.at("d"); }
  void SetHeadWithContent() {
    v1::Head head;
    head.set_epoch(1);
    head.set_state(v1::DISTRIBUTION_STATE_RUNNING);
    *head.mutable_content() = ContentWithRoot('r');
    Change(fleet_.keys().Head("d"), head.SerializeAsString());
  }
};

TEST_F(FollowerUploadTest, WaitsForItWithoutAnEdge) {
  Start();
  EXPECT_EQ(port_.begun, 1);
  EXPECT_TRUE(content().is_upload);
  EXPECT_FALSE(content().was_begun);
  Progress(v1::DELIVERY_STATE_WAITING);
  Progress(v1::DELIVERY_STATE_RECEIVING);
  EXPECT_EQ(Record().state(), v1::DELIVERY_STATE_RECEIVING);
  SetHead(1);
  EXPECT_EQ(port_.begun, 1);
}

TEST_F(FollowerUploadTest, OthersWaitForAPlan) {
  process_ = std::make_unique<FollowingProcess>(thread_, fleet_, port_, "n1");
  Settle();
  EXPECT_THAT(port_.contents, IsEmpty());
}

TEST_F(FollowerUploadTest, TheNextRunKnowsThatItHadBegun) {
  for (const v1::DeliveryState state :
       {v1::DELIVERY_STATE_WAITING, v1::DELIVERY_STATE_RECEIVING,
        v1::DELIVERY_STATE_VERIFYING}) {
    fleet_.PutDelivery("d", "n2", state);
    Start();
    EXPECT_TRUE(content().is_upload);
    EXPECT_EQ(content().was_begun, state != v1::DELIVERY_STATE_WAITING);
  }
}

TEST_F(FollowerUploadTest, WhoHasItIsATargetLikeOthers) {
  fleet_.PutDelivery("d", "n2", v1::DELIVERY_STATE_DELIVERED);
  Start();
  EXPECT_FALSE(content().is_upload);
  EXPECT_TRUE(content().was_delivered);
}

TEST_F(FollowerUploadTest, GetsFromOthersWhatItHasLost) {
  SetHeadWithContent();
  Start();
  EXPECT_THAT(port_.contents, IsEmpty()) << "Nobody will upload it any more.";
  SetEdge("n1", 1);
  Settle();
  EXPECT_THAT(Parents(), ElementsAre("n1"));
}

TEST_F(FollowerUploadTest, AFailedOneWaitsForAnotherWhenItIsTriedAgain) {
  Start();
  Progress(v1::DELIVERY_STATE_FAILED, "the upload broke off");
  EXPECT_EQ(Record().detail(), "the upload broke off");
  EXPECT_THAT(port_.contents, IsEmpty());
  fleet_.etcd().Delete(fleet_.keys().Delivery("d", "n2"));
  Settle();
  EXPECT_EQ(port_.begun, 2);
  EXPECT_TRUE(content().is_upload);
  EXPECT_FALSE(content().was_begun);
}

}  // namespace
}  // namespace tcptool::fleet
