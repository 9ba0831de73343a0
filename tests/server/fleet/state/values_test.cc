#include "server/fleet/state/values.h"

#include <string>

#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

const std::string kRoot(32, 'r');

template <typename Value>
bool Parses(const Value& value) {
  Value parsed;
  return ParseValue(value.SerializeAsString(), parsed) &&
         parsed.SerializeAsString() == value.SerializeAsString();
}

TEST(Values, NodesHaveAnAddress) {
  v1::Node node;
  EXPECT_FALSE(Parses(node));
  node.set_peer_address("n1:7000");
  EXPECT_TRUE(Parses(node));
  node.set_egress_bytes_per_second(-1);
  EXPECT_FALSE(Parses(node));
}

// Others hand it on to receptions, which take none but these.
TEST(Values, ANodesAddressIsOneThatCanBeDialled) {
  v1::Node node;
  for (const char* const address : {"n1", "n1:", "n1:0", "n1:65536", ":7000",
                                    "2001:db8::1:7000", "http://n1:7000"}) {
    node.set_peer_address(address);
    EXPECT_FALSE(Parses(node)) << address;
  }
  node.set_peer_address(std::string(254, 'n') + ":7000");
  EXPECT_FALSE(Parses(node));
  node.set_peer_address("[2001:db8::1]:7000");
  EXPECT_TRUE(Parses(node));
}

// The lists of all distributions are told in JSON too.
TEST(Values, TimesAreThoseThatJsonHas) {
  constexpr int64_t kYear10000 = 253'402'300'800;
  v1::DistributionSpec spec;
  spec.set_source_node("n1");
  spec.mutable_upload();
  spec.mutable_targets()->set_all(true);
  spec.mutable_create_time()->set_seconds(kYear10000 - 1);
  EXPECT_TRUE(Parses(spec));
  spec.mutable_create_time()->set_seconds(kYear10000);
  EXPECT_FALSE(Parses(spec));
  spec.clear_create_time();
  spec.mutable_expire_time()->set_nanos(-1);
  EXPECT_FALSE(Parses(spec));
  spec.clear_expire_time();
  spec.mutable_expire_after()->set_seconds(-1);
  EXPECT_FALSE(Parses(spec));
  v1::Head head;
  head.set_state(v1::DISTRIBUTION_STATE_RUNNING);
  head.mutable_end_time()->set_seconds(kYear10000);
  EXPECT_FALSE(Parses(head));
  v1::Delivery delivery;
  delivery.set_state(v1::DELIVERY_STATE_WAITING);
  v1::ParentMove& move = *delivery.add_moves();
  EXPECT_TRUE(Parses(delivery));
  move.mutable_time()->set_nanos(1'000'000'000);
  EXPECT_FALSE(Parses(delivery));
  delivery.clear_moves();
  delivery.mutable_end_time()->set_seconds(-kYear10000);
  EXPECT_FALSE(Parses(delivery));
}

TEST(Values, ACoordinatorIsANode) {
  v1::Coordinator coordinator;
  EXPECT_FALSE(Parses(coordinator));
  coordinator.set_node("n1");
  EXPECT_TRUE(Parses(coordinator));
}

TEST(Values, ASpecHasASourceAndTargets) {
  v1::DistributionSpec spec;
  spec.set_source_node("n1");
  spec.mutable_upload();
  EXPECT_FALSE(Parses(spec));
  spec.mutable_targets()->add_nodes("n2");
  EXPECT_TRUE(Parses(spec));
  spec.mutable_targets()->add_nodes("a/b");
  EXPECT_FALSE(Parses(spec));
  spec.mutable_targets()->Clear();
  spec.mutable_targets()->set_all(true);
  EXPECT_TRUE(Parses(spec));
  spec.clear_source();
  EXPECT_FALSE(Parses(spec));
}

TEST(Values, AHeadHasAState) {
  v1::Head head;
  EXPECT_FALSE(Parses(head));
  head.set_state(v1::DISTRIBUTION_STATE_RUNNING);
  EXPECT_TRUE(Parses(head));
  head.set_epoch(-1);
  EXPECT_FALSE(Parses(head));
  head.set_epoch(1);
  head.mutable_content()->set_root("short");
  EXPECT_FALSE(Parses(head));
  head.mutable_content()->set_root(kRoot);
  EXPECT_TRUE(Parses(head));
}

TEST(Values, AnEdgeHasAnEpochAndAParent) {
  v1::EdgeRecord record;
  EXPECT_FALSE(Parses(record));
  record.mutable_edge()->set_parent("n1");
  EXPECT_FALSE(Parses(record));
  record.mutable_edge()->set_epoch(1);
  EXPECT_TRUE(Parses(record));
  record.mutable_previous()->set_epoch(1);
  EXPECT_FALSE(Parses(record));
  record.mutable_previous()->set_parent("n2");
  EXPECT_TRUE(Parses(record));
}

TEST(Values, WhatIsDeliveredHasARoot) {
  v1::Delivery delivery;
  EXPECT_FALSE(Parses(delivery));
  delivery.set_state(v1::DELIVERY_STATE_RECEIVING);
  EXPECT_TRUE(Parses(delivery));
  delivery.set_state(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_FALSE(Parses(delivery));
  delivery.mutable_content()->set_length(5);
  EXPECT_FALSE(Parses(delivery));
  delivery.mutable_content()->set_root(kRoot);
  EXPECT_TRUE(Parses(delivery));
}

TEST(Values, WhatIsNoMessageIsRefused) {
  v1::Node node;
  EXPECT_FALSE(ParseValue("\xff\xff\xff", node));
}

TEST(Values, WhatALaterVersionHasAddedIsSkipped) {
  v1::Node node;
  node.set_peer_address("n1:7000");
  node.GetReflection()->MutableUnknownFields(&node)->AddVarint(1000, 1);
  v1::Node parsed;
  EXPECT_TRUE(ParseValue(node.SerializeAsString(), parsed));
  EXPECT_EQ(parsed.peer_address(), "n1:7000");
}

TEST(Values, StatesFromSucceededOnAreFinal) {
  EXPECT_FALSE(IsFinal(v1::DISTRIBUTION_STATE_PLANNING));
  EXPECT_FALSE(IsFinal(v1::DISTRIBUTION_STATE_RUNNING));
  for (const auto state :
       {v1::DISTRIBUTION_STATE_SUCCEEDED,
        v1::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED,
        v1::DISTRIBUTION_STATE_FAILED, v1::DISTRIBUTION_STATE_CANCELLED,
        v1::DISTRIBUTION_STATE_EXPIRED}) {
    EXPECT_TRUE(IsFinal(state)) << state;
  }
}

TEST(Values, APartIsThereWhileItComesAndIsVerified) {
  for (const auto state :
       {v1::DELIVERY_STATE_RECEIVING, v1::DELIVERY_STATE_VERIFYING}) {
    EXPECT_TRUE(HasSomething(state)) << state;
  }
  for (const auto state :
       {v1::DELIVERY_STATE_UNSPECIFIED, v1::DELIVERY_STATE_WAITING,
        v1::DELIVERY_STATE_DELIVERED, v1::DELIVERY_STATE_FAILED}) {
    EXPECT_FALSE(HasSomething(state)) << state;
  }
}

}  // namespace
}  // namespace tcptool::fleet
