#include "server/fleet/coordinator/decision.h"

#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

class DecisionTest : public ::testing::Test {
 protected:
  DecisionTest() {
    fleet_.AddNode("source");
    fleet_.AddNodes(2);
  }
  void Deliver(const std::string& node) {
    fleet_.PutDelivery("d", node, v1::DELIVERY_STATE_DELIVERED);
  }
  void Fail(const std::string& node) {
    fleet_.PutDelivery("d", node, v1::DELIVERY_STATE_FAILED);
  }
  // The head when all is decided and written; nothing more is to be.
  v1::Head Decided(absl::Time now = kNow) {
    fleet_.Coordinate({}, now);
    EXPECT_THAT(Decide(fleet_.State(), {}, now), IsEmpty());
    return fleet_.Head("d");
  }
  v1::DistributionSpec SpecThatExpires() {
    v1::DistributionSpec spec = TestFleet::SpecToAll();
    spec.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(kNow) + 10);
    return spec;
  }

  TestFleet fleet_;
};

TEST_F(DecisionTest, RunsWhenThereIsAPlan) {
  fleet_.AddDistribution("d");
  const v1::Head head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(head.epoch(), 1);
  EXPECT_EQ(head.detail(), "");
  EXPECT_FALSE(head.has_content());
  EXPECT_FALSE(head.has_end_time());
}

TEST_F(DecisionTest, IsPlannedUntilThereIsASource) {
  fleet_.KillNode("source");
  fleet_.AddDistribution("d");
  v1::Head head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_PLANNING);
  EXPECT_EQ(head.epoch(), 0);
  EXPECT_THAT(head.detail(), HasSubstr("'source'"));
  fleet_.AddNode("source");
  head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(head.detail(), "");
}

TEST_F(DecisionTest, IsPlannedUntilThereIsATarget) {
  v1::DistributionSpec spec = TestFleet::SpecToAll();
  spec.mutable_targets()->Clear();
  spec.mutable_targets()->add_racks("elsewhere");
  fleet_.AddDistribution("d", spec);
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_PLANNING);
  EXPECT_THAT(fleet_.Head("d").detail(), HasSubstr("no node is a target"));
  fleet_.AddNode("n9", "elsewhere");
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_RUNNING);
}

TEST_F(DecisionTest, RunsOnWithoutASourceAndSaysSo) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  fleet_.KillNode("source");
  const v1::Head head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(head.epoch(), 1);
  EXPECT_THAT(head.detail(), HasSubstr("'source'"));
}

TEST_F(DecisionTest, KnowsTheContentWhenTheSourceDoes) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  Deliver("source");
  const v1::Head head = Decided();
  EXPECT_EQ(head.content().root(), std::string(32, 'r'));
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(head.epoch(), 1);
}

TEST_F(DecisionTest, SucceedsWhenAllHaveIt) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  Deliver("source");
  Deliver("n1");
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_RUNNING);
  Deliver("n2");
  const v1::Head head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_SUCCEEDED);
  EXPECT_EQ(head.end_time().seconds(), absl::ToUnixSeconds(kNow));
  EXPECT_EQ(head.content().root(), std::string(32, 'r'));
  // Whoever comes now is too late.
  fleet_.AddNode("n3");
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_SUCCEEDED);
}

TEST_F(DecisionTest, ATargetThatIsAwayIsWaitedFor) {
  v1::DistributionSpec spec = TestFleet::SpecToAll();
  spec.mutable_targets()->add_nodes("n9");
  fleet_.AddDistribution("d", spec);
  fleet_.Coordinate();
  Deliver("n1");
  Deliver("n2");
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_RUNNING);
  fleet_.AddNode("n9");
  fleet_.Coordinate();
  EXPECT_TRUE(fleet_.Parents("d").contains("n9"));
  Deliver("n9");
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_SUCCEEDED);
}

TEST_F(DecisionTest, SucceedsInPartWhenOthersFailed) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  Deliver("n1");
  Fail("n2");
  const v1::Head head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED);
  EXPECT_THAT(head.detail(), HasSubstr("1 of 2 nodes"));
}

TEST_F(DecisionTest, OneWithAnotherContentHasFailed) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  Deliver("source");
  Deliver("n1");
  fleet_.PutDelivery("d", "n2", v1::DELIVERY_STATE_DELIVERED, 'x');
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED);
}

TEST_F(DecisionTest, FailsWhenAllFailed) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  Fail("n1");
  Fail("n2");
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_FAILED);
}

TEST_F(DecisionTest, FailsWithItsSourceUnlessSomebodyHasIt) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  Deliver("n1");
  Fail("source");
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(fleet_.Parents("d").at("n2"), "n1");

  fleet_.AddDistribution("e");
  fleet_.PutDelivery("e", "source", v1::DELIVERY_STATE_FAILED);
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Head("e").state(), v1::DISTRIBUTION_STATE_FAILED);
  EXPECT_THAT(fleet_.Head("e").detail(), HasSubstr("no space"));
}

// As its file was changed while its service was away.
TEST_F(DecisionTest, SaysThatItsSourceHasAnotherContentThanBefore) {
  fleet_.AddDistribution("d");
  Deliver("source");
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_RUNNING);
  fleet_.PutDelivery("d", "source", v1::DELIVERY_STATE_DELIVERED, 'x');
  const v1::Head head = Decided();
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_FAILED);
  EXPECT_THAT(head.detail(), HasSubstr("another content than it had before"));
}

TEST_F(DecisionTest, IsCancelledWhenThatIsAskedForAndItIsNotDone) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  Deliver("n1");
  fleet_.etcd().Put(fleet_.keys().Cancel("d"), "");
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_CANCELLED);

  fleet_.AddDistribution("e");
  for (const std::string node : {"n1", "n2"}) {
    fleet_.PutDelivery("e", node, v1::DELIVERY_STATE_DELIVERED);
  }
  fleet_.etcd().Put(fleet_.keys().Cancel("e"), "");
  fleet_.Coordinate();
  EXPECT_EQ(fleet_.Head("e").state(), v1::DISTRIBUTION_STATE_SUCCEEDED);
}

TEST_F(DecisionTest, ExpiresInTime) {
  fleet_.AddDistribution("d", SpecThatExpires());
  EXPECT_EQ(NextExpiry(fleet_.State()), kNow + absl::Seconds(10));
  EXPECT_EQ(Decided(kNow + absl::Seconds(9)).state(),
            v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(Decided(kNow + absl::Seconds(10)).state(),
            v1::DISTRIBUTION_STATE_EXPIRED);
  EXPECT_EQ(NextExpiry(fleet_.State()), absl::InfiniteFuture());
}

TEST_F(DecisionTest, MayExpireInAThousandYears) {
  v1::DistributionSpec spec = TestFleet::SpecToAll();
  spec.mutable_expire_time()->set_seconds(32'000'000'000);
  fleet_.AddDistribution("d", spec);
  EXPECT_EQ(Decided().state(), v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(NextExpiry(fleet_.State()), absl::FromUnixSeconds(32'000'000'000));
}

TEST_F(DecisionTest, HasSucceededInPartWhenItExpiresAndSomeHaveIt) {
  fleet_.AddDistribution("d", SpecThatExpires());
  fleet_.Coordinate({}, kNow);
  Deliver("n1");
  const v1::Head head = Decided(kNow + absl::Seconds(10));
  EXPECT_EQ(head.state(), v1::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED);
  EXPECT_THAT(head.detail(), HasSubstr("expired"));
}

TEST_F(DecisionTest, LeavesAHeadOfALaterVersionAlone) {
  fleet_.AddDistribution("d");
  fleet_.etcd().Put(fleet_.keys().Head("d"), "\xff");
  EXPECT_THAT(Decide(fleet_.State(), {}, kNow), IsEmpty());
}

TEST_F(DecisionTest, LeavesWhatRemainsOfADeletedOneAlone) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  fleet_.etcd().Delete(fleet_.keys().Spec("d"));
  fleet_.KillNode("n1");
  EXPECT_THAT(Decide(fleet_.State(), {}, kNow), IsEmpty());
}

TEST_F(DecisionTest, DecidesOnEachDistributionByItself) {
  fleet_.AddDistribution("d");
  fleet_.AddDistribution("e");
  EXPECT_THAT(Decide(fleet_.State(), {}, kNow), SizeIs(2));
  fleet_.Coordinate({{"e", {"n1"}}});
  EXPECT_EQ(fleet_.Parents("d").at("n1"), "source");
  EXPECT_EQ(fleet_.Parents("e").at("n1"), "n2");
}

}  // namespace
}  // namespace tcptool::fleet
