// When a call that was lost is begun again, and until when.
#include "client/api/reconnection.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace tcptool {
namespace {

const absl::Status& Lost() {
  static const absl::Status lost = absl::UnavailableError("connection reset");
  return lost;
}

TEST(ReconnectionTest, NotToAServiceThatWasNeverHeard) {
  Reconnection reconnection(absl::InfiniteDuration());
  EXPECT_FALSE(reconnection.TriesAgainAfter(Lost()));
}

TEST(ReconnectionTest, NotAfterWhatTheServiceSays) {
  Reconnection reconnection(absl::InfiniteDuration());
  reconnection.Heard();
  EXPECT_FALSE(reconnection.TriesAgainAfter(absl::NotFoundError("gone")));
  EXPECT_FALSE(reconnection.TriesAgainAfter(absl::OkStatus()));
  EXPECT_TRUE(reconnection.TriesAgainAfter(Lost()));
}

TEST(ReconnectionTest, EachTimeForSoLong) {
  // Less than its pause.
  Reconnection reconnection(absl::Nanoseconds(1));
  for (int i = 0; i < 2; ++i) {
    reconnection.Heard();
    EXPECT_TRUE(reconnection.TriesAgainAfter(Lost()));
    EXPECT_FALSE(reconnection.TriesAgainAfter(Lost()));
  }
}

TEST(ReconnectionTest, DeadlineOfACallToAServiceThatIsAwayIsItsLoss) {
  Reconnection reconnection(absl::InfiniteDuration());
  const absl::Status late = absl::DeadlineExceededError("no answer within 1s");
  reconnection.Heard();
  EXPECT_FALSE(reconnection.TriesAgainAfter(late));
  EXPECT_EQ(reconnection.Cause(late), late);
  EXPECT_TRUE(reconnection.TriesAgainAfter(Lost()));
  EXPECT_TRUE(reconnection.TriesAgainAfter(late));
  EXPECT_EQ(reconnection.Cause(late), Lost());
  EXPECT_EQ(reconnection.Cause(absl::NotFoundError("gone")),
            absl::NotFoundError("gone"));
  reconnection.Heard();
  EXPECT_FALSE(reconnection.TriesAgainAfter(late));
  EXPECT_EQ(reconnection.Cause(late), late);
}

}  // namespace
}  // namespace tcptool
