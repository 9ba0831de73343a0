#include "client/tcptoolctl/distribution_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"

namespace tcptool {
namespace {

using testing::ElementsAre;

constexpr size_t kAny = std::numeric_limits<size_t>::max();

std::vector<std::string> Lines(const std::string& table) {
  return absl::StrSplit(table, '\n', absl::SkipEmpty());
}

std::vector<v1::Delivery> Deliveries() {
  std::vector<v1::Delivery> deliveries(2);
  deliveries[0].set_node("node1");
  deliveries[0].set_state(v1::DELIVERY_STATE_DELIVERED);
  deliveries[1].set_node("node2");
  deliveries[1].set_state(v1::DELIVERY_STATE_FAILED);
  deliveries[1].set_parent("node1");
  deliveries[1].set_detail("no space is left on the device");
  return deliveries;
}

TEST(DeliveryTableTest, HasAllWhereThereIsNoTerminal) {
  EXPECT_THAT(
      Lines(DeliveryTable(Deliveries(), kAny)),
      ElementsAre(
          "NODE   STATE      RECEIVED  RATE  PARENT  FALLBACKS  STANDING  "
          "DETAIL",
          "node1  DELIVERED  -         -     -       -          -         -",
          "node2  FAILED     -         -     node1   -          -         "
          "no space is left on the device"));
}

TEST(DeliveryTableTest, IsWithoutTheEndOfADetailThatATerminalHasNoRoomFor) {
  const std::vector<std::string> lines = Lines(DeliveryTable(Deliveries(), 80));
  EXPECT_EQ(lines[2],
            "node2  FAILED     -         -     node1   -          -         "
            "no space is left");
  EXPECT_EQ(lines[2].size(), 79);  // The 80th would be a space.
}

TEST(DeliveryTableTest, CutsNoNamesAndHasTheBeginningOfADetailInAnyTerminal) {
  EXPECT_THAT(
      Lines(DeliveryTable(Deliveries(), 20)),
      ElementsAre(
          "NODE   STATE      RECEIVED  RATE  PARENT  FALLBACKS  STANDING  "
          "DETAIL",
          "node1  DELIVERED  -         -     -       -          -         -",
          "node2  FAILED     -         -     node1   -          -         "
          "no spa"));
}

TEST(DeliveryTableTest, HasTheDetailLast) {
  std::vector<v1::Delivery> deliveries = Deliveries();
  deliveries[0].mutable_serving()->set_endpoint("192.0.2.1:9876");
  EXPECT_THAT(Lines(DeliveryTable(deliveries, kAny))[0],
              testing::EndsWith("  DETAIL"));
}

TEST(FleetNodeTableTest, IsWithoutTheEndOfLabelsThatATerminalHasNoRoomFor) {
  std::vector<v1::FleetNode> nodes(1);
  nodes[0].set_node("node1");
  nodes[0].set_peer_address("192.0.2.1:9872");
  nodes[0].set_version("0.1.0");
  (*nodes[0].mutable_labels())["location"] = "a building that is far away";
  EXPECT_THAT(
      Lines(FleetNodeTable(nodes, 80)),
      ElementsAre("NODE   RACK  ADDRESS         EGRESS  VERSION  ROLE  LABELS",
                  "node1  -     192.0.2.1:9872  -       0.1.0    -     "
                  "location=a building that is"));
  EXPECT_THAT(Lines(FleetNodeTable(nodes, kAny))[1],
              testing::EndsWith("  location=a building that is far away"));
}

}  // namespace
}  // namespace tcptool
