// Which situations start a session.
#include "dataplane/session/start_condition.h"

#include <gtest/gtest.h>

namespace tcptool::dataplane {
namespace {

TEST(StartConditionTest, NobodyReadyStartsNothing) {
  const StartCondition condition({}, 1);
  EXPECT_FALSE(condition.Holds({.all_expected_are_ready = true,
                                .start_byte_seen = true,
                                .max_wait_is_over = true}));
}

TEST(StartConditionTest, ReadyRecipientAloneStartsNothing) {
  EXPECT_FALSE(
      StartCondition({}, 0).Holds({.ready = 100, .max_wait_is_over = true}));
}

TEST(StartConditionTest, StartByteStartsUnlessItIsIgnored) {
  const StartCondition::Situation situation = {.ready = 1,
                                               .start_byte_seen = true};
  EXPECT_TRUE(StartCondition({}, 0).Holds(situation));
  EXPECT_FALSE(StartCondition({.ignore_start_byte = true}, 0).Holds(situation));
}

TEST(StartConditionTest, GreatestNumberStarts) {
  const StartCondition condition({.ignore_start_byte = true}, 3);
  EXPECT_FALSE(condition.Holds({.ready = 2}));
  EXPECT_TRUE(condition.Holds({.ready = 3}));
  EXPECT_TRUE(condition.Holds({.ready = 4}));
}

TEST(StartConditionTest, LeastNumberStartsOnceTheWaitIsOver) {
  const StartCondition condition(
      {.min_recipients = 2, .max_wait = absl::Seconds(1)}, 0);
  EXPECT_FALSE(condition.Holds({.ready = 2}));
  EXPECT_FALSE(condition.Holds({.ready = 1, .max_wait_is_over = true}));
  EXPECT_TRUE(condition.Holds({.ready = 2, .max_wait_is_over = true}));
}

TEST(StartConditionTest, WaitWithoutLeastNumberStartsWithOne) {
  const StartCondition condition({.max_wait = absl::Seconds(1)}, 0);
  EXPECT_TRUE(condition.Holds({.ready = 1, .max_wait_is_over = true}));
}

TEST(StartConditionTest, AllWhoAreExpectedStart) {
  EXPECT_TRUE(StartCondition({.ignore_start_byte = true}, 0)
                  .Holds({.ready = 2, .all_expected_are_ready = true}));
}

TEST(StartConditionTest, ImmediateSessionHasNone) {
  EXPECT_FALSE(StartCondition({.immediate = true}, 1)
                   .Holds({.ready = 1,
                           .all_expected_are_ready = true,
                           .start_byte_seen = true,
                           .max_wait_is_over = true}));
}

}  // namespace
}  // namespace tcptool::dataplane
