#include "server/fleet/state/fleet_state.h"

#include <string>

#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

class FleetStateTest : public ::testing::Test {
 protected:
  const FleetKeys& keys() const { return state_.keys(); }

  void Put(const std::string& key, const std::string& value) {
    ++revision_;
    state_.Apply({{.kind = PrefixChange::Kind::kPut,
                   .key = key,
                   .entry = {.value = value,
                             .create_revision = revision_,
                             .mod_revision = revision_}}});
  }
  void Delete(const std::string& key) {
    state_.Apply(
        {{.kind = PrefixChange::Kind::kDelete, .key = key, .entry = {}}});
  }
  void PutHead(int64_t epoch) {
    v1::Head head;
    head.set_epoch(epoch);
    head.set_state(v1::DISTRIBUTION_STATE_RUNNING);
    Put(keys().Head("d"), head.SerializeAsString());
  }
  const Distribution& distribution() { return state_.distributions().at("d"); }

  int64_t revision_ = 10;
  FleetState state_{*FleetKeys::Create("lab")};
};

TEST_F(FleetStateTest, HasTheNodesThatAreThere) {
  v1::Node node;
  node.set_peer_address("n1:7000");
  Put(keys().Node("n1"), node.SerializeAsString());
  ASSERT_TRUE(state_.nodes().contains("n1"));
  EXPECT_EQ(state_.nodes().at("n1").create_revision, 11);
  EXPECT_EQ(state_.nodes().at("n1").value.peer_address(), "n1:7000");
  Delete(keys().Node("n1"));
  EXPECT_TRUE(state_.nodes().empty());
  EXPECT_EQ(state_.skipped(), 0);
}

TEST_F(FleetStateTest, CountsRequests) {
  Put(keys().Request("a"), "x");
  Put(keys().Request("a"), "y");
  Put(keys().Request("b"), "x");
  EXPECT_EQ(state_.requests(), 2u);
  Delete(keys().Request("a"));
  EXPECT_EQ(state_.requests(), 1u);
  EXPECT_EQ(state_.skipped(), 0);
}

TEST_F(FleetStateTest, HasTheCoordinator) {
  v1::Coordinator coordinator;
  coordinator.set_node("n1");
  Put(keys().Coordinator(), coordinator.SerializeAsString());
  ASSERT_TRUE(state_.coordinator().has_value());
  EXPECT_EQ(state_.coordinator()->value.node(), "n1");
  EXPECT_EQ(state_.coordinator()->create_revision, 11);
  Delete(keys().Coordinator());
  EXPECT_FALSE(state_.coordinator().has_value());
}

TEST_F(FleetStateTest, HasAllOfADistributionUntilAllIsDeleted) {
  v1::DistributionSpec spec;
  spec.set_source_node("n1");
  spec.mutable_upload();
  spec.mutable_targets()->set_all(true);
  Put(keys().Spec("d"), spec.SerializeAsString());
  PutHead(3);
  v1::EdgeRecord edge;
  edge.mutable_edge()->set_epoch(3);
  edge.mutable_edge()->set_parent("n1");
  Put(keys().Edge("d", "n2"), edge.SerializeAsString());
  v1::Delivery delivery;
  delivery.set_state(v1::DELIVERY_STATE_WAITING);
  Put(keys().Delivery("d", "n2"), delivery.SerializeAsString());
  EXPECT_FALSE(distribution().is_cancel_requested);
  Put(keys().Cancel("d"), "");

  EXPECT_EQ(distribution().spec->create_revision, 11);
  EXPECT_EQ(distribution().head->mod_revision, 12);
  EXPECT_EQ(distribution().edges.at("n2").value.edge().parent(), "n1");
  EXPECT_EQ(distribution().deliveries.at("n2").value.state(),
            v1::DELIVERY_STATE_WAITING);
  EXPECT_TRUE(distribution().is_cancel_requested);

  Delete(keys().Spec("d"));
  Delete(keys().Head("d"));
  Delete(keys().Edge("d", "n2"));
  Delete(keys().Delivery("d", "n2"));
  EXPECT_FALSE(distribution().spec.has_value());
  EXPECT_TRUE(distribution().edges.empty());
  Delete(keys().Cancel("d"));
  EXPECT_TRUE(state_.distributions().empty());
  EXPECT_EQ(state_.skipped(), 0);
}

TEST_F(FleetStateTest, SkipsAndCountsWhatItDoesNotUnderstand) {
  Put(keys().prefix() + "later/n1", "x");
  Put(keys().Node("n1"), "\xff");
  Put(keys().Edge("d", "n1"), "\xff");
  Put(keys().Spec("d"), "\xff");
  EXPECT_EQ(state_.skipped(), 4);
  EXPECT_TRUE(state_.nodes().empty());
  EXPECT_TRUE(state_.distributions().empty());
}

TEST_F(FleetStateTest, ForgetsAValueWhenItIsNotUnderstoodAnyMore) {
  v1::Node node;
  node.set_peer_address("n1:7000");
  Put(keys().Node("n1"), node.SerializeAsString());
  Put(keys().Node("n1"), "\xff");
  EXPECT_TRUE(state_.nodes().empty());
}

TEST_F(FleetStateTest, TellsAHeadThatItDoesNotUnderstandFromNone) {
  PutHead(3);
  Put(keys().Head("d"), "\xff");
  EXPECT_FALSE(distribution().head.has_value());
  EXPECT_TRUE(distribution().has_unknown_head);
  PutHead(4);
  EXPECT_FALSE(distribution().has_unknown_head);
  Put(keys().Head("d"), "\xff");
  Delete(keys().Head("d"));
  EXPECT_TRUE(state_.distributions().empty());
}

TEST_F(FleetStateTest, ANewEdgeIsInForceWhenTheHeadHasItsEpoch) {
  v1::EdgeRecord record;
  record.mutable_edge()->set_epoch(5);
  record.mutable_edge()->set_parent("new");
  record.mutable_previous()->set_epoch(3);
  record.mutable_previous()->set_parent("old");
  Put(keys().Edge("d", "n"), record.SerializeAsString());
  EXPECT_EQ(EdgeInForce(distribution(), "n"), nullptr) << "no head";
  PutHead(2);
  EXPECT_EQ(EdgeInForce(distribution(), "n"), nullptr);
  PutHead(3);
  EXPECT_EQ(EdgeInForce(distribution(), "n")->parent(), "old");
  PutHead(4);
  EXPECT_EQ(EdgeInForce(distribution(), "n")->parent(), "old");
  PutHead(5);
  EXPECT_EQ(EdgeInForce(distribution(), "n")->parent(), "new");
  EXPECT_EQ(EdgeInForce(distribution(), "other"), nullptr);
}

}  // namespace
}  // namespace tcptool::fleet
