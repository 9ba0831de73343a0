// So many nodes may follow this one, and none is sent away for good because the
// service stops.
#include "server/peers/followers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/peers/follow_call.h"

namespace tcptool::server {
namespace {

TEST(FollowersTest, AreSoMany) {
  Followers followers(nullptr, 1);
  uint64_t first = 0;
  for (size_t i = 0; i < Followers::kMost; ++i) {
    const auto id = followers.Add(nullptr, "a");
    ASSERT_TRUE(id.ok()) << id.status();
    if (i == 0) first = *id;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(followers.Add(nullptr, "a").status()));
  followers.Remove(first);
  const auto id = followers.Add(nullptr, "a");
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_NE(*id, first);
}

// Nobody's nodes keep those of another caller out.
TEST(FollowersTest, CallerWithTheMostMakesRoom) {
  Followers followers(nullptr, 1);
  const auto add = [&followers](const std::string& caller) {
    return followers.Add(std::make_shared<FollowCall>(
                             Call::Headers{.required = Role::kPeer}, followers),
                         caller);
  };
  const auto now = TicketBook::Clock::now();
  const uint64_t other = *add("b");
  std::vector<uint64_t> calls;
  while (calls.size() + 1 < Followers::kMost) calls.push_back(*add("a"));
  const auto ticket = followers.tickets().Issue(calls.back(), "", now);
  ASSERT_TRUE(ticket.ok());
  // Not for its own.
  EXPECT_TRUE(absl::IsResourceExhausted(add("a").status()));
  // The newest one, and its ticket.
  ASSERT_TRUE(add("c").ok());
  EXPECT_EQ(followers.Find(calls.back()), nullptr);
  EXPECT_EQ(followers.tickets().Redeem(*ticket, now), std::nullopt);
  EXPECT_NE(followers.Find(calls[calls.size() - 2]), nullptr);
  EXPECT_NE(followers.Find(other), nullptr);
  // Until both have the same, and neither takes from the other.
  size_t taken = 1;
  while (add("c").ok()) ++taken;
  EXPECT_EQ(taken, (Followers::kMost - 1) / 2);
  EXPECT_TRUE(absl::IsResourceExhausted(add("a").status()));
  EXPECT_NE(followers.Find(other), nullptr);
  EXPECT_NE(followers.Find(calls.front()), nullptr);
}

TEST(FollowersTest, TicketEndsWithItsCall) {
  Followers followers(nullptr, 1);
  const auto now = TicketBook::Clock::now();
  const uint64_t id = *followers.Add(nullptr, "a");
  const auto secret = followers.tickets().Issue(id, "", now);
  ASSERT_TRUE(secret.ok());
  followers.Remove(id);
  EXPECT_EQ(followers.tickets().Redeem(*secret, now), std::nullopt);
}

TEST(FollowersTest, StoppedOnesTakeNobody) {
  Followers followers(nullptr, 1);
  followers.Stop();
  EXPECT_TRUE(absl::IsUnavailable(followers.Add(nullptr, "a").status()));
}

TEST(FollowersTest, NobodyIsSentAwayForGoodWhileTheServiceStops) {
  const absl::Status ended = absl::FailedPreconditionError("it has ended");
  const absl::Status unknown = absl::NotFoundError("there is none");
  Followers followers(nullptr, 1);
  EXPECT_EQ(followers.EndOf(ended), ended);
  followers.Drain();
  EXPECT_TRUE(absl::IsUnavailable(followers.EndOf(ended)));
  EXPECT_EQ(followers.EndOf(unknown), unknown);
  EXPECT_TRUE(followers.Add(nullptr, "a").ok());
}

}  // namespace
}  // namespace tcptool::server
