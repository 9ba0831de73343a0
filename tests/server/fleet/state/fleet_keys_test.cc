#include "server/fleet/state/fleet_keys.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

using Kind = FleetKey::Kind;

FleetKeys Keys() { return *FleetKeys::Create("lab"); }

TEST(FleetName, IsOfAFewCharactersAndNoPath) {
  for (const std::string& name : std::vector<std::string>{
           "a", "A9", "node-1.example.com", "n_1", "9", std::string(64, 'x')}) {
    EXPECT_TRUE(IsFleetName(name)) << name;
  }
  for (const std::string& name : std::vector<std::string>{
           "", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "\xc3\xa4",
           std::string("a\0", 2), std::string(65, 'x')}) {
    EXPECT_FALSE(IsFleetName(name)) << name;
  }
}

TEST(FleetKeys, RefusesAFleetThatCannotBeCalledSo) {
  const auto keys = FleetKeys::Create("a/b");
  EXPECT_EQ(keys.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(keys.status().message()),
              ::testing::HasSubstr("'a/b'"));
}

TEST(FleetKeys, AreThoseThatAreDocumented) {
  const FleetKeys keys = Keys();
  EXPECT_EQ(keys.prefix(), "/tcptool/v1/lab/");
  EXPECT_EQ(keys.Node("n1"), "/tcptool/v1/lab/nodes/n1");
  EXPECT_EQ(keys.Coordinator(), "/tcptool/v1/lab/coordinator");
  EXPECT_EQ(keys.Spec("d"), "/tcptool/v1/lab/distributions/d/spec");
  EXPECT_EQ(keys.Head("d"), "/tcptool/v1/lab/distributions/d/head");
  EXPECT_EQ(keys.Cancel("d"), "/tcptool/v1/lab/distributions/d/cancel");
  EXPECT_EQ(keys.Edge("d", "n1"), "/tcptool/v1/lab/distributions/d/edges/n1");
  EXPECT_EQ(keys.Delivery("d", "n1"),
            "/tcptool/v1/lab/distributions/d/deliveries/n1");
  EXPECT_EQ(keys.Distribution("d"), "/tcptool/v1/lab/distributions/d/");
  // Whatever is in the id, it is one part of the key.
  EXPECT_EQ(keys.Request("a/b"),
            "/tcptool/v1/lab/requests/"
            "c14cddc033f64b9dea80ea675cf280a015e672516090a5626781153dc68fea11");
}

TEST(FleetKeys, AreReadBack) {
  const FleetKeys keys = Keys();
  const auto expect = [&keys](const std::string& text, Kind kind,
                              const std::string& distribution,
                              const std::string& node) {
    const auto key = keys.Parse(text);
    ASSERT_TRUE(key.has_value()) << text;
    EXPECT_EQ(key->kind, kind) << text;
    EXPECT_EQ(key->distribution, distribution) << text;
    EXPECT_EQ(key->node, node) << text;
  };
  expect(keys.Node("n1"), Kind::kNode, "", "n1");
  expect(keys.Coordinator(), Kind::kCoordinator, "", "");
  expect(keys.Spec("d"), Kind::kSpec, "d", "");
  expect(keys.Head("d"), Kind::kHead, "d", "");
  expect(keys.Cancel("d"), Kind::kCancel, "d", "");
  expect(keys.Edge("d", "n1"), Kind::kEdge, "d", "n1");
  expect(keys.Delivery("d", "n1"), Kind::kDelivery, "d", "n1");
  expect(keys.Request("a/b"), Kind::kRequest, "", "");
}

TEST(FleetKeys, OfOthersAreNone) {
  const FleetKeys keys = Keys();
  for (const std::string rest :
       {"", "nodes", "nodes/", "nodes/a/b", "nodes/-a", "coordinator/",
        "coordinator2", "distributions", "distributions/d", "distributions/d/",
        "distributions/d/later", "distributions//spec",
        "distributions/d/spec/x", "distributions/d/edges",
        "distributions/d/edges/", "distributions/d/edges/a/b",
        "distributions/d/leaves/n1", "later/n1"}) {
    EXPECT_FALSE(keys.Parse("/tcptool/v1/lab/" + rest).has_value()) << rest;
  }
  EXPECT_FALSE(keys.Parse("/tcptool/v1/other/nodes/n1").has_value());
  EXPECT_FALSE(keys.Parse("nodes/n1").has_value());
}

}  // namespace
}  // namespace tcptool::fleet
