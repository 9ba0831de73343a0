// A ticket is good once, for its call, and not for long.
#include "server/peers/ticket_book.h"

#include <gtest/gtest.h>

#include <set>

namespace tcptool::server {
namespace {

using Clock = TicketBook::Clock;

constexpr Clock::duration kTick = std::chrono::milliseconds(1);

class TicketBookTest : public testing::Test {
 protected:
  TicketBook::Secret Issue(uint64_t call, const std::string& host = "") {
    return *book_.Issue(call, host, now_);
  }

  TicketBook book_;
  Clock::time_point now_ = Clock::now();
};

TEST_F(TicketBookTest, IsGoodOnce) {
  const auto first = Issue(1);
  const auto second = Issue(2);
  EXPECT_EQ(book_.Redeem(second, now_), 2u);
  EXPECT_EQ(book_.Redeem(second, now_), std::nullopt);
  EXPECT_EQ(book_.Redeem(first, now_), 1u);
  EXPECT_EQ(book_.Redeem(first, now_), std::nullopt);
}

TEST_F(TicketBookTest, IsGoodForAShortTime) {
  const auto early = Issue(1);
  now_ += TicketBook::kLife - kTick;
  const auto late = Issue(2);
  EXPECT_EQ(book_.Redeem(late, now_), 2u);
  now_ += kTick;
  EXPECT_EQ(book_.Redeem(early, now_), std::nullopt);
}

TEST_F(TicketBookTest, KnowsWhichHostHasTickets) {
  const auto used = Issue(1, "a");
  Issue(2, "a");
  Issue(3, "a");
  Issue(4, "b");
  EXPECT_EQ(book_.CountOf("a", now_), 3u);
  book_.Redeem(used, now_);
  EXPECT_EQ(book_.CountOf("a", now_), 2u);
  book_.Revoke(2);
  EXPECT_EQ(book_.CountOf("a", now_), 1u);
  EXPECT_EQ(book_.CountOf("b", now_), 1u);
  EXPECT_EQ(book_.CountOf("c", now_), 0u);
  EXPECT_EQ(book_.CountOf("a", now_ + TicketBook::kLife), 0u);
}

TEST_F(TicketBookTest, EndsWithItsCall) {
  const auto over = Issue(1);
  const auto other = Issue(2);
  book_.Revoke(1);
  EXPECT_EQ(book_.Redeem(over, now_), std::nullopt);
  EXPECT_EQ(book_.Redeem(other, now_), 2u);
}

TEST_F(TicketBookTest, EveryByteCounts) {
  const auto secret = Issue(1);
  for (size_t i = 0; i < secret.size(); ++i) {
    auto wrong = secret;
    wrong[i] ^= std::byte{0x80};
    EXPECT_EQ(book_.Redeem(wrong, now_), std::nullopt) << i;
  }
  EXPECT_EQ(book_.Redeem(secret, now_), 1u);
}

TEST_F(TicketBookTest, NoTwoAreTheSame) {
  std::set<TicketBook::Secret> secrets;
  for (uint64_t call = 1; call <= 100; ++call) secrets.insert(Issue(call));
  EXPECT_EQ(secrets.size(), 100u);
}

TEST_F(TicketBookTest, TheOldestMakesRoom) {
  const auto oldest = Issue(1);
  const auto next = Issue(2);
  for (size_t i = 2; i <= TicketBook::kMost; ++i) Issue(3);
  EXPECT_EQ(book_.Redeem(oldest, now_), std::nullopt);
  EXPECT_EQ(book_.Redeem(next, now_), 2u);
}

}  // namespace
}  // namespace tcptool::server
