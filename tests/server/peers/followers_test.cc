// So many nodes may follow this one, and none is sent away for good because the
// service stops.
#include "server/peers/followers.h"

#include <gtest/gtest.h>

#include "server/peers/follow_call.h"

namespace tcptool::server {
namespace {

TEST(FollowersTest, AreSoMany) {
  Followers followers(nullptr, 1);
  uint64_t first = 0;
  for (size_t i = 0; i < Followers::kMost; ++i) {
    const auto id = followers.Add(nullptr);
    ASSERT_TRUE(id.ok()) << id.status();
    if (i == 0) first = *id;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(followers.Add(nullptr).status()));
  followers.Remove(first);
  const auto id = followers.Add(nullptr);
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_NE(*id, first);
}

TEST(FollowersTest, TicketEndsWithItsCall) {
  Followers followers(nullptr, 1);
  const auto now = TicketBook::Clock::now();
  const uint64_t id = *followers.Add(nullptr);
  const auto secret = followers.tickets().Issue(id, now);
  ASSERT_TRUE(secret.ok());
  followers.Remove(id);
  EXPECT_EQ(followers.tickets().Redeem(*secret, now), std::nullopt);
}

TEST(FollowersTest, StoppedOnesTakeNobody) {
  Followers followers(nullptr, 1);
  followers.Stop();
  EXPECT_TRUE(absl::IsUnavailable(followers.Add(nullptr).status()));
}

TEST(FollowersTest, NobodyIsSentAwayForGoodWhileTheServiceStops) {
  const absl::Status ended = absl::FailedPreconditionError("it has ended");
  const absl::Status unknown = absl::NotFoundError("there is none");
  Followers followers(nullptr, 1);
  EXPECT_EQ(followers.EndOf(ended), ended);
  followers.Drain();
  EXPECT_TRUE(absl::IsUnavailable(followers.EndOf(ended)));
  EXPECT_EQ(followers.EndOf(unknown), unknown);
  EXPECT_TRUE(followers.Add(nullptr).ok());
}

}  // namespace
}  // namespace tcptool::server
