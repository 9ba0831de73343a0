// Which situations start a session.
#include "dataplane/session/start_condition.h"

#include <gtest/gtest.h>

namespace tcptool::dataplane {
namespace {

using Situation = StartCondition::Situation;
using Verdict = StartCondition::Verdict;

TEST(StartConditionTest, NobodyReadyStartsNothing) {
  EXPECT_EQ(StartCondition({}, 1).Check({.all_expected_are_ready = true,
                                         .start_byte_seen = true,
                                         .max_wait_is_over = true}),
            Verdict::kWait);
}

TEST(StartConditionTest, ReadyRecipientsAloneStartNothing) {
  EXPECT_EQ(
      StartCondition({}, 0).Check({.ready = 100, .max_wait_is_over = true}),
      Verdict::kWait);
}

TEST(StartConditionTest, StartByteStartsUnlessItIsIgnored) {
  const Situation situation = {.ready = 1, .start_byte_seen = true};
  EXPECT_EQ(StartCondition({}, 0).Check(situation), Verdict::kStart);
  EXPECT_EQ(StartCondition({.ignore_start_byte = true}, 0).Check(situation),
            Verdict::kWait);
}

TEST(StartConditionTest, StartByteStartsWhoeverElseIsAlive) {
  EXPECT_EQ(StartCondition({}, 2).Check({.ready = 2, .start_byte_seen = true}),
            Verdict::kStart);
}

TEST(StartConditionTest, GreatestNumberStarts) {
  const StartCondition condition({.ignore_start_byte = true}, 3);
  EXPECT_EQ(condition.Check({.ready = 2}), Verdict::kWait);
  EXPECT_EQ(condition.Check({.ready = 3}), Verdict::kStartIfAlive);
  EXPECT_EQ(condition.Check({.ready = 4}), Verdict::kStartIfAlive);
}

TEST(StartConditionTest, LeastNumberStartsOnceTheWaitIsOver) {
  const StartCondition condition(
      {.min_recipients = 2, .max_wait = absl::Seconds(1)}, 0);
  EXPECT_EQ(condition.Check({.ready = 2}), Verdict::kWait);
  EXPECT_EQ(condition.Check({.ready = 1, .max_wait_is_over = true}),
            Verdict::kWait);
  EXPECT_EQ(condition.Check({.ready = 2, .max_wait_is_over = true}),
            Verdict::kStartIfAlive);
}

TEST(StartConditionTest, WaitWithoutLeastNumberStartsWithOne) {
  const StartCondition condition({.max_wait = absl::Seconds(1)}, 0);
  EXPECT_EQ(condition.Check({.ready = 1, .max_wait_is_over = true}),
            Verdict::kStartIfAlive);
}

TEST(StartConditionTest, AllWhoAreExpectedStart) {
  EXPECT_EQ(StartCondition({.ignore_start_byte = true}, 0)
                .Check({.ready = 2, .all_expected_are_ready = true}),
            Verdict::kStartIfAlive);
}

TEST(StartConditionTest, ImmediateSessionHasNone) {
  EXPECT_EQ(StartCondition({.immediate = true}, 1)
                .Check({.ready = 1,
                        .all_expected_are_ready = true,
                        .start_byte_seen = true,
                        .max_wait_is_over = true}),
            Verdict::kWait);
}

}  // namespace
}  // namespace tcptool::dataplane
