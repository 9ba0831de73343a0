#include "server/fleet/coordinator/targets.h"

#include <set>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;

class TargetsTest : public ::testing::Test {
 protected:
  TargetsTest() {
    fleet_.AddNode("source", "r1");
    fleet_.AddNode("n1", "r1");
    fleet_.AddNode("n2", "r2");
  }
  std::set<std::string> Targets(const v1::DistributionSpec& spec) {
    fleet_.AddDistribution("d", spec);
    const FleetState state = fleet_.State();
    return TargetsOf(state.distributions().at("d"), state.nodes());
  }
  static v1::DistributionSpec SpecToNone() {
    v1::DistributionSpec spec = TestFleet::SpecToAll();
    spec.mutable_targets()->Clear();
    return spec;
  }

  TestFleet fleet_;
};

TEST_F(TargetsTest, AreAllNodesButTheSource) {
  EXPECT_THAT(Targets(TestFleet::SpecToAll()), ElementsAre("n1", "n2"));
}

TEST_F(TargetsTest, AreNamedAlsoBeforeTheyAreThere) {
  v1::DistributionSpec spec = SpecToNone();
  spec.mutable_targets()->add_nodes("n2");
  spec.mutable_targets()->add_nodes("n9");
  EXPECT_THAT(Targets(spec), ElementsAre("n2", "n9"));
}

TEST_F(TargetsTest, AreThoseOfRacksAndThoseWithAllLabels) {
  v1::Node node;
  node.set_peer_address("n3:7000");
  node.set_rack("r3");
  (*node.mutable_labels())["disk"] = "ssd";
  fleet_.etcd().Put(fleet_.keys().Node("n3"), node.SerializeAsString());
  (*node.mutable_labels())["site"] = "b";
  fleet_.etcd().Put(fleet_.keys().Node("n4"), node.SerializeAsString());

  v1::DistributionSpec spec = SpecToNone();
  (*spec.mutable_targets()->mutable_labels())["disk"] = "ssd";
  EXPECT_THAT(Targets(spec), ElementsAre("n3", "n4"));
  (*spec.mutable_targets()->mutable_labels())["site"] = "b";
  EXPECT_THAT(Targets(spec), ElementsAre("n4"));
  spec.mutable_targets()->add_racks("r2");
  EXPECT_THAT(Targets(spec), ElementsAre("n2", "n4"));
}

TEST_F(TargetsTest, StayTargetsWhenTheyAreAway) {
  fleet_.AddDistribution("d");
  fleet_.Coordinate();
  fleet_.PutDelivery("d", "n3", v1::DELIVERY_STATE_WAITING);
  fleet_.KillNode("n1");
  EXPECT_THAT(Targets(TestFleet::SpecToAll()), ElementsAre("n1", "n2", "n3"));
}

TEST_F(TargetsTest, TheNodeOfAnUploadIsOneAlsoIfItIsNotNamed) {
  v1::DistributionSpec spec = TestFleet::SpecToAll();
  spec.mutable_upload();
  EXPECT_THAT(Targets(spec), ElementsAre("n1", "n2", "source"));
  spec.mutable_targets()->Clear();
  spec.mutable_targets()->add_nodes("n1");
  EXPECT_THAT(Targets(spec), ElementsAre("n1", "source"));
}

TEST_F(TargetsTest, TheSourceOfAnUploadHasSomethingOnceItHasCome) {
  v1::DistributionSpec spec = TestFleet::SpecToAll();
  spec.mutable_upload();
  fleet_.AddDistribution("d", spec);
  const auto has_something = [this] {
    const FleetState state = fleet_.State();
    return HasSourceContent(state.distributions().at("d"));
  };
  EXPECT_FALSE(has_something());
  for (const auto& [state, expected] :
       {std::pair(v1::DELIVERY_STATE_WAITING, false),
        std::pair(v1::DELIVERY_STATE_RECEIVING, true),
        std::pair(v1::DELIVERY_STATE_VERIFYING, true),
        std::pair(v1::DELIVERY_STATE_DELIVERED, true),
        std::pair(v1::DELIVERY_STATE_FAILED, false)}) {
    fleet_.PutDelivery("d", "source", state);
    EXPECT_EQ(has_something(), expected) << state;
  }
}

TEST_F(TargetsTest, ANodeThatHasLostAnUploadIsASourceUntilAnotherHasIt) {
  v1::DistributionSpec spec = TestFleet::SpecToAll();
  spec.mutable_upload();
  fleet_.AddDistribution("d", spec);
  const FleetState state = fleet_.State();
  const Distribution& distribution = state.distributions().at("d");
  const v1::Content content = ContentWithRoot('a');
  EXPECT_TRUE(IsSource(distribution, "source", nullptr));
  EXPECT_FALSE(IsSource(distribution, "source", &content));
  EXPECT_FALSE(IsSource(distribution, "n1", nullptr));
}

class ContentTest : public TargetsTest {
 protected:
  std::string Root() {
    const FleetState state = fleet_.State();
    const v1::Content* const content = ContentOf(state.distributions().at("d"));
    return content == nullptr ? "" : content->root().substr(0, 1);
  }
};

TEST_F(ContentTest, IsWhatTheHeadSaysElseTheSourceElseTheFirst) {
  fleet_.AddDistribution("d");
  EXPECT_EQ(Root(), "");
  fleet_.PutDelivery("d", "n2", v1::DELIVERY_STATE_DELIVERED, 'b');
  fleet_.PutDelivery("d", "n1", v1::DELIVERY_STATE_DELIVERED, 'a');
  EXPECT_EQ(Root(), "b");
  fleet_.PutDelivery("d", "source", v1::DELIVERY_STATE_DELIVERED, 's');
  EXPECT_EQ(Root(), "s");
  v1::Head head;
  head.set_state(v1::DISTRIBUTION_STATE_RUNNING);
  *head.mutable_content() = ContentWithRoot('h');
  fleet_.etcd().Put(fleet_.keys().Head("d"), head.SerializeAsString());
  EXPECT_EQ(Root(), "h");
}

TEST_F(ContentTest, OnlyWhoHasItIsDelivered) {
  fleet_.AddDistribution("d");
  fleet_.PutDelivery("d", "n1", v1::DELIVERY_STATE_DELIVERED, 'a');
  fleet_.PutDelivery("d", "n2", v1::DELIVERY_STATE_DELIVERED, 'b');
  fleet_.PutDelivery("d", "n3", v1::DELIVERY_STATE_VERIFYING);
  fleet_.PutDelivery("d", "n4", v1::DELIVERY_STATE_FAILED);
  fleet_.PutDelivery("d", "n5", v1::DELIVERY_STATE_CANCELLED);
  const FleetState state = fleet_.State();
  const Distribution& distribution = state.distributions().at("d");
  const v1::Content content = ContentWithRoot('a');
  const auto progress = [&](const std::string& node) {
    return ProgressOf(distribution, node, &content);
  };
  EXPECT_EQ(progress("n1"), Progress::kDelivered);
  EXPECT_EQ(progress("n2"), Progress::kFailed);
  EXPECT_EQ(progress("n3"), Progress::kOpen);
  EXPECT_EQ(progress("n4"), Progress::kFailed);
  EXPECT_EQ(progress("n5"), Progress::kFailed);
  EXPECT_EQ(progress("n6"), Progress::kOpen);
  v1::Content longer = content;
  longer.set_length(content.length() + 1);
  EXPECT_EQ(ProgressOf(distribution, "n1", &longer), Progress::kFailed);
}

}  // namespace
}  // namespace tcptool::fleet
