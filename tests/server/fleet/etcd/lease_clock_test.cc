#include "server/fleet/etcd/lease_clock.h"

#include <chrono>

#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Any time: nothing here looks at the clock.
const LeaseClock::TimePoint kStart{seconds(1'000'000)};

TEST(LeaseClock, IsNotHeldBeforeItIsGranted) {
  EXPECT_FALSE(LeaseClock().IsHeld(kStart));
}

TEST(LeaseClock, EndsBeforeEtcdCanHaveGivenItAway) {
  LeaseClock lease;
  lease.Extend(kStart, seconds(15));
  EXPECT_TRUE(lease.IsHeld(kStart + milliseconds(13'499)));
  EXPECT_FALSE(lease.IsHeld(kStart + milliseconds(13'500)));
  EXPECT_EQ(lease.ends(), kStart + milliseconds(13'500));
}

TEST(LeaseClock, IsRenewedAfterAThirdOfItsTime) {
  LeaseClock lease;
  lease.Extend(kStart, seconds(15));
  EXPECT_EQ(lease.next_renewal(), kStart + seconds(5));
  lease.Extend(kStart + seconds(5), seconds(15));
  EXPECT_EQ(lease.next_renewal(), kStart + seconds(10));
  EXPECT_EQ(lease.ends(), kStart + milliseconds(18'500));
}

TEST(LeaseClock, TriesAgainSoonWhenARenewalFailed) {
  LeaseClock lease;
  lease.Extend(kStart, seconds(15));
  lease.Failed(kStart + seconds(7));
  EXPECT_EQ(lease.next_renewal(), kStart + milliseconds(8'500));
  EXPECT_EQ(lease.ends(), kStart + milliseconds(13'500));
}

TEST(LeaseClock, AnOldAnswerDoesNotShortenIt) {
  LeaseClock lease;
  lease.Extend(kStart + seconds(5), seconds(15));
  lease.Extend(kStart, seconds(15));
  EXPECT_EQ(lease.ends(), kStart + milliseconds(18'500));
}

}  // namespace
}  // namespace tcptool::fleet
