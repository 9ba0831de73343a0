// What a node counts of its deliveries.
#include <cstdint>
#include <map>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/follower/following_node.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class FollowerCountsTest : public FollowerTest {
 protected:
  // Those states that there are any of.
  std::map<v1::DeliveryState, int64_t> Held() const {
    return Some(process_->counts.held);
  }
  std::map<v1::DeliveryState, int64_t> Ended() const {
    return Some(process_->counts.ended);
  }

 private:
  template <typename Counts>
  static std::map<v1::DeliveryState, int64_t> Some(const Counts& counts) {
    std::map<v1::DeliveryState, int64_t> some;
    for (size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      some[static_cast<v1::DeliveryState>(i)] = static_cast<int64_t>(counts[i]);
    }
    return some;
  }
};

TEST_F(FollowerCountsTest, EachDeliveryIsInTheStateThatItHas) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_WAITING);
  EXPECT_THAT(Held(), ElementsAre(Pair(v1::DELIVERY_STATE_WAITING, 1)));
  Progress(v1::DELIVERY_STATE_RECEIVING);
  EXPECT_THAT(Held(), ElementsAre(Pair(v1::DELIVERY_STATE_RECEIVING, 1)));
  EXPECT_THAT(Ended(), IsEmpty());
  Progress(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_THAT(Held(), ElementsAre(Pair(v1::DELIVERY_STATE_DELIVERED, 1)));
  EXPECT_THAT(Ended(), ElementsAre(Pair(v1::DELIVERY_STATE_DELIVERED, 1)));
  // Told once more, as that others cannot have it.
  Progress(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_THAT(Ended(), ElementsAre(Pair(v1::DELIVERY_STATE_DELIVERED, 1)));
}

TEST_F(FollowerCountsTest, ARestartEndsNothingAgain) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  Start();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_THAT(Held(), ElementsAre(Pair(v1::DELIVERY_STATE_DELIVERED, 1)));
  EXPECT_THAT(Ended(), IsEmpty());
}

TEST_F(FollowerCountsTest, EachFailureCounts) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_FAILED, "no space");
  EXPECT_THAT(Held(), ElementsAre(Pair(v1::DELIVERY_STATE_FAILED, 1)));
  // Somebody tries it again.
  fleet_.etcd().Delete(fleet_.keys().Delivery("d", "n2"));
  Settle();
  Progress(v1::DELIVERY_STATE_FAILED, "no space");
  EXPECT_THAT(Held(), ElementsAre(Pair(v1::DELIVERY_STATE_FAILED, 1)));
  EXPECT_THAT(Ended(), ElementsAre(Pair(v1::DELIVERY_STATE_FAILED, 2)));
}

TEST_F(FollowerCountsTest, WhatIsDeletedIsHeldNoLonger) {
  Distribute();
  Start();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  fleet_.etcd().Delete(fleet_.keys().Spec("d"));
  Settle();
  EXPECT_THAT(Held(), IsEmpty());
}

TEST_F(FollowerCountsTest, TheSourceIsNoTarget) {
  fleet_.AddDistribution("d");
  process_ =
      std::make_unique<FollowingProcess>(thread_, fleet_, port_, "source");
  Settle();
  Progress(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_THAT(Held(), IsEmpty());
  EXPECT_THAT(Ended(), IsEmpty());
}

}  // namespace
}  // namespace tcptool::fleet
