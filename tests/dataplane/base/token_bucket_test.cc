#include "dataplane/base/token_bucket.h"

#include <gtest/gtest.h>

#include <limits>

namespace tcptool::dataplane {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kRate = 1'000'000;  // Bytes a second.
constexpr size_t kBurst = kRate * TokenBucket::kBurst.count() / 1000;

TEST(TokenBucketTest, WithoutRateThereIsNoLimit) {
  TokenBucket bucket(0);
  EXPECT_FALSE(bucket.limited());
  bucket.Spend(std::numeric_limits<size_t>::max());
  EXPECT_EQ(bucket.Available(TokenBucket::Clock::now()),
            std::numeric_limits<size_t>::max());
}

TEST(TokenBucketTest, FillsAtItsRate) {
  TokenBucket bucket(kRate);
  const auto start = TokenBucket::Clock::now() + seconds(1);
  bucket.Spend(bucket.Available(start));
  EXPECT_EQ(bucket.Available(start), 0u);
  EXPECT_NEAR(bucket.Available(start + milliseconds(10)), kRate / 100, 1);
}

TEST(TokenBucketTest, SavesNoMoreThanABurst) {
  TokenBucket bucket(kRate);
  const auto later = TokenBucket::Clock::now() + seconds(1000);
  EXPECT_EQ(bucket.Available(later), kBurst);
}

// A piece may be larger than what there is: the debt is paid first.
TEST(TokenBucketTest, DebtIsPaidBeforeMoreGoesOut) {
  TokenBucket bucket(kRate);
  const auto start = TokenBucket::Clock::now() + seconds(1);
  bucket.Spend(bucket.Available(start) + kRate / 10);
  EXPECT_EQ(bucket.Available(start + milliseconds(99)), 0u);
  EXPECT_NEAR(bucket.Available(start + milliseconds(110)), kRate / 100, 1);
}

// A lane may be in the midst of a turn, of which it has not spent all yet, when
// the rate becomes another one.
TEST(TokenBucketTest, DebtOfAnotherRateIsNotPaidForDays) {
  TokenBucket bucket(0);
  const auto start = TokenBucket::Clock::now() + seconds(1);
  bucket.SetRate(1, start);
  bucket.Spend(16 << 20);
  EXPECT_EQ(bucket.Available(start), 0u);
  EXPECT_EQ(bucket.Available(start + milliseconds(500)), 0u);
  EXPECT_EQ(bucket.Available(start + TokenBucket::kMostDebt + seconds(1)), 1u);
}

// A byte a second is less than a byte in a burst.
TEST(TokenBucketTest, LowestRateStillSendsSomething) {
  TokenBucket bucket(1);
  EXPECT_EQ(bucket.Available(TokenBucket::Clock::now() + seconds(2)), 1u);
}

TEST(TokenBucketTest, AnotherRateHoldsAtOnce) {
  TokenBucket bucket(1);
  const auto start = TokenBucket::Clock::now() + seconds(1);
  bucket.Spend(bucket.Available(start));
  bucket.SetRate(kRate, start);
  EXPECT_NEAR(bucket.Available(start + milliseconds(10)), kRate / 100, 1);
  bucket.SetRate(0, start + milliseconds(10));
  EXPECT_FALSE(bucket.limited());
}

// It has not saved since it was made.
TEST(TokenBucketTest, FirstRateBeginsWithNothing) {
  TokenBucket bucket(0);
  const auto later = TokenBucket::Clock::now() + seconds(1000);
  bucket.SetRate(kRate, later);
  EXPECT_EQ(bucket.Available(later), 0u);
  EXPECT_NEAR(bucket.Available(later + milliseconds(10)), kRate / 100, 1);
}

}  // namespace
}  // namespace tcptool::dataplane
