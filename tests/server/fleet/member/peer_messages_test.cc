// What another node tells of rates and progress cannot spoil what is made of
// it.
#include "server/fleet/member/peer_messages.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <vector>

namespace tcptool::fleet {
namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kNodes = 10'000;  // The most that a distribution has.

TEST(PeerMessages, WhatIsReportedIsWhatIsTaken) {
  const NodeProgress told = {.distribution = "d",
                             .revision = 7,
                             .node = "a",
                             .bytes_received = 5'000'000'000,
                             .bytes_per_second = 1'000};
  const std::vector<NodeProgress> taken =
      ToProgress(ToRequest("a", {}, {told}));
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].distribution, "d");
  EXPECT_EQ(taken[0].revision, 7);
  EXPECT_EQ(taken[0].node, "a");
  EXPECT_EQ(taken[0].bytes_received, 5'000'000'000);
  EXPECT_EQ(taken[0].bytes_per_second, 1'000);
}

TEST(PeerMessages, RatesThatAreReportedAreWhatIsTaken) {
  const EdgeRate told = {.distribution = "d",
                         .node = "a",
                         .parent = "b",
                         .epoch = 3,
                         .busy = std::chrono::milliseconds(1500),
                         .bytes = 5'000'000'000,
                         .observed = std::chrono::milliseconds(2000),
                         .observed_bytes = 6'000'000'000,
                         .allowed = 9};
  const EdgeRates taken = ToRates(ToRequest("a", {told}, {}));
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].distribution, "d");
  EXPECT_EQ(taken[0].node, "a");
  EXPECT_EQ(taken[0].parent, "b");
  EXPECT_EQ(taken[0].epoch, 3);
  EXPECT_EQ(taken[0].busy, told.busy);
  EXPECT_EQ(taken[0].bytes, told.bytes);
  EXPECT_EQ(taken[0].observed, told.observed);
  EXPECT_EQ(taken[0].observed_bytes, told.observed_bytes);
  EXPECT_EQ(taken[0].allowed, told.allowed);
}

TEST(PeerMessages, ANodeOfAnEarlierReleaseHasNotSaidWhatItsEdgeDoesAtLeast) {
  peer::v1::ReportRatesRequest request;
  request.add_edges()->set_busy_milliseconds(2000);
  const EdgeRates taken = ToRates(request);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].observed, std::chrono::milliseconds(0));
}

TEST(PeerMessages, RatesThatAreReportedAreNoMoreThanCanBe) {
  for (const int64_t number : {kLeast, kMost}) {
    peer::v1::ReportRatesRequest request;
    peer::v1::EdgeRate& edge = *request.add_edges();
    edge.set_bytes(number);
    edge.set_observed_bytes(number);
    edge.set_allowed_bytes_per_second(number);
    const EdgeRates taken = ToRates(request);
    ASSERT_EQ(taken.size(), 1U);
    for (const uint64_t bytes :
         {taken[0].bytes, taken[0].observed_bytes, taken[0].allowed}) {
      EXPECT_LE(bytes, static_cast<uint64_t>(kMost / kNodes));
    }
  }
}

TEST(PeerMessages, WhatIsReportedCanBeAdded) {
  peer::v1::ReportRatesRequest request;
  request.set_node("a");
  peer::v1::DeliveryProgress& progress = *request.add_progress();
  progress.set_bytes_received(kMost);
  progress.set_bytes_per_second(kMost);
  const std::vector<NodeProgress> taken = ToProgress(request);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_LE(taken[0].bytes_received, kMost / kNodes);
  EXPECT_LE(taken[0].bytes_per_second, kMost / kNodes);
}

TEST(PeerMessages, WhatIsAnsweredCanBeAdded) {
  peer::v1::GetProgressResponse response;
  for (const int64_t number : {kLeast, kMost}) {
    peer::v1::NodeProgress& node = *response.add_nodes();
    node.set_bytes_received(number);
    node.set_bytes_per_second(number);
    node.set_age_milliseconds(number);
  }
  for (const NodeProgress& taken : ToProgress({}, response)) {
    EXPECT_GE(taken.bytes_received, 0);
    EXPECT_LE(taken.bytes_received, kMost / kNodes);
    EXPECT_GE(taken.bytes_per_second, 0);
    EXPECT_LE(taken.bytes_per_second, kMost / kNodes);
    EXPECT_GE(taken.age, std::chrono::milliseconds(0));
    EXPECT_LE(taken.age, std::chrono::hours(1));
  }
}

}  // namespace
}  // namespace tcptool::fleet
