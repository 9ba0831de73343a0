// Deliveries and nodes, one by its name and lists of some.
#include "server/fleet/service/fleet_listings.h"

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

class FleetListingsTest : public ::testing::Test {
 protected:
  // A node of a rack, with a label "zone".
  void AddNode(const std::string& name, const std::string& rack,
               const std::string& zone) {
    v1::Node node;
    node.set_rack(rack);
    node.set_peer_address(name + ":7000");
    (*node.mutable_labels())["zone"] = zone;
    fleet_.etcd().Put(fleet_.keys().Node(name), node.SerializeAsString());
  }
  absl::StatusOr<api::Delivery> Get(const std::string& name,
                                    const ProgressByNode& progress = {}) {
    api::GetDeliveryRequest request;
    request.set_name(name);
    return GetDelivery(fleet_.State(), request, progress);
  }
  // The names of those that are selected, one after the other.
  std::string Nodes(const api::ListNodesRequest& request) {
    const auto page = ListNodes(fleet_.State(), request);
    EXPECT_TRUE(page.ok()) << page.status();
    std::string names;
    for (const api::FleetNode& node : page->nodes()) names += node.node();
    return names;
  }

  TestFleet fleet_;
};

TEST_F(FleetListingsTest, ADeliveryIsReadAsItIsListed) {
  fleet_.AddNode("source");
  fleet_.AddNodes(3);
  fleet_.AddDistribution("image");
  fleet_.Coordinate();
  fleet_.PutDelivery("image", "n1", v1::DELIVERY_STATE_DELIVERED);
  const ProgressByNode progress = {{"n2", {.bytes_received = 5}}};
  api::ListDeliveriesRequest request;
  request.set_parent("distributions/image");
  const auto listed = ListDeliveries(fleet_.State(), request, progress);
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->deliveries_size(), 3);
  for (const api::Delivery& delivery : listed->deliveries()) {
    const auto read = Get(delivery.name(), progress);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(
        google::protobuf::util::MessageDifferencer::Equals(*read, delivery))
        << delivery.name();
  }
  EXPECT_EQ(
      Get("distributions/image/deliveries/n2", progress)->bytes_received(), 5);
}

TEST_F(FleetListingsTest, ADeliveryIsThatOfATarget) {
  fleet_.AddNode("source");
  fleet_.AddNodes(1);
  fleet_.AddDistribution("image");
  fleet_.Coordinate();
  EXPECT_TRUE(Get("distributions/image/deliveries/n1").ok());
  for (const char* name : {"distributions/image/deliveries/source",
                           "distributions/image/deliveries/n2",
                           "distributions/other/deliveries/n1"}) {
    const absl::Status status = Get(name).status();
    EXPECT_TRUE(absl::IsNotFound(status)) << name << ": " << status;
  }
}

TEST_F(FleetListingsTest, ANodeIsThereAsLongAsItIsRegistered) {
  AddNode("n1", "r1", "west");
  api::GetFleetNodeRequest request;
  request.set_name("nodes/n1");
  const auto node = GetNode(fleet_.State(), request);
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->name(), "nodes/n1");
  EXPECT_EQ(node->rack(), "r1");
  fleet_.KillNode("n1");
  EXPECT_TRUE(absl::IsNotFound(GetNode(fleet_.State(), request).status()));
}

TEST_F(FleetListingsTest, NodesAreListedByRacksAndLabels) {
  AddNode("a", "r1", "west");
  AddNode("b", "r1", "east");
  AddNode("c", "r2", "west");
  AddNode("d", "", "west");
  api::ListNodesRequest request;
  EXPECT_EQ(Nodes(request), "abcd");
  request.add_racks("r1");
  EXPECT_EQ(Nodes(request), "ab");
  request.add_racks("");
  EXPECT_EQ(Nodes(request), "abd");
  (*request.mutable_labels())["zone"] = "west";
  EXPECT_EQ(Nodes(request), "ad");
  request.clear_racks();
  EXPECT_EQ(Nodes(request), "acd");
  // A page goes on where the one before has ended, with the same filter.
  request.set_page_size(2);
  const auto first = ListNodes(fleet_.State(), request);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->nodes_size(), 2);
  request.set_page_token(first->next_page_token());
  EXPECT_EQ(Nodes(request), "d");
  request.add_racks("r1");
  EXPECT_TRUE(
      absl::IsInvalidArgument(ListNodes(fleet_.State(), request).status()));
}

}  // namespace
}  // namespace tcptool::fleet
