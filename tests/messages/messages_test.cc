#include <gtest/gtest.h>

#include "messages/counts.h"
#include "messages/distribution_texts.h"
#include "messages/states.h"
#include "messages/time.h"

namespace tcptool {
namespace {

TEST(StatesTest, AreFinalWhenTheyCannotChange) {
  EXPECT_FALSE(IsFinal(v1::SESSION_STATE_UNSPECIFIED));
  EXPECT_FALSE(IsFinal(v1::SESSION_STATE_WAITING));
  EXPECT_FALSE(IsFinal(v1::SESSION_STATE_TRANSFERRING));
  EXPECT_TRUE(IsFinal(v1::SESSION_STATE_SUCCEEDED));
  EXPECT_TRUE(IsFinal(v1::SESSION_STATE_INTERRUPTED));
  EXPECT_FALSE(IsFinal(v1::RECIPIENT_STATE_EXPECTED));
  EXPECT_FALSE(IsFinal(v1::RECIPIENT_STATE_CONFIRMING));
  EXPECT_TRUE(IsFinal(v1::RECIPIENT_STATE_DELIVERED));
  EXPECT_TRUE(IsFinal(v1::RECIPIENT_STATE_DROPPED));
}

TEST(StatesTest, HaveNamesWithoutPrefixes) {
  EXPECT_EQ(StateName(v1::SESSION_STATE_WAITING), "WAITING");
  EXPECT_EQ(StateName(v1::RECIPIENT_STATE_READY), "READY");
  EXPECT_EQ(ReasonName(v1::RECIPIENT_REASON_STALLED), "STALLED");
  // Of a service that is newer than this program.
  EXPECT_EQ(StateName(static_cast<v1::SessionState>(999)), "999");
}

TEST(TakersTest, AreThoseWhoHaveTheContentOrWereToGetIt) {
  v1::RecipientCounts counts;
  EXPECT_EQ(Takers(counts), 0);
  counts.set_expected(1);
  counts.set_ready(10);
  counts.set_transferring(100);
  counts.set_confirming(1'000);
  counts.set_delivered(10'000);
  counts.set_failed(100'000);
  counts.set_dropped(1'000'000);
  // Neither of these has ever been promised anything.
  counts.set_handshaking(10'000'000);
  counts.set_rejected(100'000'000);
  EXPECT_EQ(Takers(counts), 1'111'111);
}

TEST(DistributionTextsTest, CountEachStateOnce) {
  v1::DeliveryCounts counts;
  EXPECT_EQ(CountsText(counts), "0 of 0 delivered");
  for (int state = v1::DELIVERY_STATE_EXPECTED;
       state <= v1::DELIVERY_STATE_CANCELLED; ++state) {
    Count(static_cast<v1::DeliveryState>(state), counts);
  }
  Count(v1::DELIVERY_STATE_DELIVERED, counts);
  Count(static_cast<v1::DeliveryState>(999), counts);
  EXPECT_EQ(TargetCount(counts), 8);
  EXPECT_EQ(CountsText(counts),
            "2 of 8 delivered, 1 expected, 1 waiting, 1 receiving, "
            "1 verifying, 1 failed, 1 cancelled");
}

TEST(TimeTest, GoesThroughMessagesUnchanged) {
  for (const absl::Time time :
       {absl::UnixEpoch(), absl::UnixEpoch() - absl::Nanoseconds(1),
        absl::FromUnixNanos(1'700'000'000'123'456'789)}) {
    EXPECT_EQ(ToTime(ToTimestamp(time)), time);
    EXPECT_GE(ToTimestamp(time).nanos(), 0);
  }
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Nanoseconds(1'500'000'001),
        absl::Hours(9)}) {
    EXPECT_EQ(ToDuration(ToProtoDuration(duration)), duration);
  }
}

TEST(DistributionTextsTest, SaysWhereANodeServesAndHowMany) {
  v1::DistributionServing serving;
  EXPECT_EQ(ServingText(serving), "ended, 0 delivered");
  serving.set_error("the port is taken");
  EXPECT_EQ(ServingText(serving), "the port is taken, 0 delivered");
  serving.set_endpoint("192.0.2.1:9876");
  serving.set_connected(1);
  serving.set_delivered(3);
  serving.set_failed(2);
  EXPECT_EQ(ServingText(serving),
            "192.0.2.1:9876, 1 connected, 3 delivered, 2 failed");
}

}  // namespace
}  // namespace tcptool
