// What becomes of a distribution whose content is uploaded.
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class UploadPlanTest : public ::testing::Test {
 protected:
  UploadPlanTest() {
    fleet_.AddNode("source");
    fleet_.AddNodes(2);
    v1::DistributionSpec spec = TestFleet::SpecToAll();
    spec.mutable_upload();
    fleet_.AddDistribution("d", spec);
  }
  v1::Head Decided() {
    fleet_.Coordinate();
    EXPECT_THAT(Decide(fleet_.State(), {}, absl::Now()), IsEmpty());
    return fleet_.Head("d");
  }
  void Put(const std::string& node, v1::DeliveryState state) {
    fleet_.PutDelivery("d", node, state);
  }

  TestFleet fleet_;
};

TEST_F(UploadPlanTest, NobodyIsPlannedBeforeSomethingHasCome) {
  Put("source", v1::DELIVERY_STATE_WAITING);
  v1::Head head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_PLANNING);
  EXPECT_EQ(head.epoch(), 0);
  EXPECT_THAT(head.detail(), HasSubstr("upload has come to node 'source'"));
  Put("source", v1::DELIVERY_STATE_RECEIVING);
  head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_THAT(fleet_.Parents("d"),
              ElementsAre(Pair("n1", "source"), Pair("n2", "n1")));
}

TEST_F(UploadPlanTest, TheDetailSaysWhatTheSourceLacks) {
  v1::Delivery delivery;
  delivery.set_state(v1::DELIVERY_STATE_WAITING);
  delivery.set_detail("its disk is away");
  fleet_.etcd().Put(fleet_.keys().Delivery("d", "source"),
                    delivery.SerializeAsString());
  const v1::Head head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_PLANNING);
  EXPECT_THAT(head.detail(), HasSubstr("its disk is away"));
}

TEST_F(UploadPlanTest, HasSucceededWhenTheSourceHasItToo) {
  Put("source", v1::DELIVERY_STATE_RECEIVING);
  Decided();
  Put("n1", v1::DELIVERY_STATE_DELIVERED);
  Put("n2", v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_RUNNING);
  Put("source", v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_SUCCEEDED);
}

TEST_F(UploadPlanTest, ABrokenUploadFailsItWithItsReason) {
  Put("source", v1::DELIVERY_STATE_RECEIVING);
  Decided();
  Put("n1", v1::DELIVERY_STATE_RECEIVING);
  Put("source", v1::DELIVERY_STATE_FAILED);
  const v1::Head head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_FAILED);
  EXPECT_THAT(head.detail(), HasSubstr("node 'source', has failed: no space"));
}

TEST_F(UploadPlanTest, WhoHasTheWholeGivesItToTheOthers) {
  Put("source", v1::DELIVERY_STATE_RECEIVING);
  Decided();
  Put("n1", v1::DELIVERY_STATE_DELIVERED);
  Put("source", v1::DELIVERY_STATE_FAILED);
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_RUNNING);
  Put("n2", v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED);
}

TEST_F(UploadPlanTest, ASourceThatHasLostItGetsItFromWhoHasIt) {
  Put("source", v1::DELIVERY_STATE_RECEIVING);
  Decided();
  Put("n1", v1::DELIVERY_STATE_DELIVERED);
  Put("n2", v1::DELIVERY_STATE_DELIVERED);
  // It is tried again.
  fleet_.etcd().Delete(fleet_.keys().Delivery("d", "source"));
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_RUNNING);
  const std::string parent = fleet_.Parents("d").at("source");
  EXPECT_TRUE(parent == "n1" || parent == "n2") << parent;
}

TEST_F(UploadPlanTest, TheSourceAloneWaitsForOthersOnlyWhereThereAreSome) {
  fleet_.KillNode("n1");
  fleet_.KillNode("n2");
  Put("source", v1::DELIVERY_STATE_RECEIVING);
  EXPECT_EQ(Decided().detail(), "no other target is there");
  Put("source", v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace tcptool::fleet
