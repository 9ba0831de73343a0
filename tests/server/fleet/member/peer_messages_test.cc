// What another node tells of its progress cannot spoil what is made of it.
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
