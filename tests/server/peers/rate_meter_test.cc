#include "server/peers/rate_meter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace tcptool::server {
namespace {

using std::chrono::milliseconds;

class RateMeterTest : public testing::Test {
 protected:
  // The next message, 250 ms later.
  std::optional<RateMeter::Rate> Hear(uint64_t watermark, uint64_t position,
                                      milliseconds later = milliseconds(250)) {
    now_ += later;
    return meter_.Heard(watermark, position, now_);
  }

  RateMeter meter_;
  RateMeter::Clock::time_point now_;
};

TEST_F(RateMeterTest, MeasuresWhatComesWhileTheNodeHasMore) {
  EXPECT_FALSE(Hear(1000, 0)) << "Since when?";
  const auto rate = Hear(1000, 100);
  ASSERT_TRUE(rate);
  EXPECT_EQ(rate->busy, milliseconds(250));
  EXPECT_EQ(rate->bytes, 100u);
  EXPECT_EQ(rate->observed, milliseconds(250));
  EXPECT_EQ(rate->observed_bytes, 100u);
  EXPECT_EQ(Hear(2000, 130)->bytes, 30u);
  EXPECT_EQ(Hear(2000, 130)->bytes, 0u);
}

TEST_F(RateMeterTest, OfANodeThatWaitsForMoreItselfTheLeastIsKnown) {
  EXPECT_FALSE(Hear(100, 90));
  for (const uint64_t position : {190, 200}) {
    const auto rate = Hear(position + 10, position);
    ASSERT_TRUE(rate);
    EXPECT_EQ(rate->busy, milliseconds(0)) << "What it had has come.";
    EXPECT_EQ(rate->bytes, 0u);
    EXPECT_EQ(rate->observed, milliseconds(250));
    EXPECT_EQ(rate->observed_bytes, position == 190 ? 100u : 10u);
  }
  EXPECT_FALSE(Hear(300, 205, milliseconds(10))) << "It is too early.";
  EXPECT_EQ(Hear(300, 205)->busy, milliseconds(260))
      << "It has had more since.";
}

TEST_F(RateMeterTest, MessagesInQuickSuccessionAreOneMeasurement) {
  EXPECT_FALSE(Hear(1000, 0));
  for (int i = 1; i < 10; ++i) {
    EXPECT_FALSE(Hear(1000, 10 * i, milliseconds(20)));
  }
  const auto rate = Hear(1000, 100, milliseconds(20));
  ASSERT_TRUE(rate);
  EXPECT_EQ(rate->busy, milliseconds(200));
  EXPECT_EQ(rate->bytes, 100u);
}

TEST_F(RateMeterTest, WhatComesAgainIsNotMeasured) {
  EXPECT_FALSE(Hear(1000, 500));
  EXPECT_FALSE(Hear(1000, 400)) << "A bad block.";
  EXPECT_EQ(Hear(1000, 450)->bytes, 50u);
}

TEST_F(RateMeterTest, ASlowLinkIsBusyHoweverLateItsMessagesCome) {
  EXPECT_FALSE(Hear(1000, 0));
  std::chrono::nanoseconds busy(0);
  for (const int late : {400, 3000, 200, 5000}) {
    const auto rate = Hear(2000, 10, milliseconds(late));
    ASSERT_TRUE(rate) << late;
    busy += rate->busy;
  }
  EXPECT_EQ(busy, milliseconds(8600)) << "None of it is lost.";
}

TEST_F(RateMeterTest, TimeInWhichOneOfThemStandsStillIsNotMeasured) {
  EXPECT_FALSE(Hear(1000, 0));
  EXPECT_FALSE(Hear(1000, 1, milliseconds(5001)));
  EXPECT_TRUE(Hear(1000, 100));
}

TEST_F(RateMeterTest, AConnectionThatWasLostIsMeasuredFromTheNextOneOn) {
  EXPECT_FALSE(Hear(1000, 0));
  meter_.Stop();
  EXPECT_FALSE(Hear(1000, 100));
  EXPECT_EQ(Hear(1000, 110)->bytes, 10u);
}

}  // namespace
}  // namespace tcptool::server
