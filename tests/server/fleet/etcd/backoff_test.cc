#include "server/fleet/etcd/backoff.h"

#include <chrono>

#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesUpToItsLimitLessUpToAHalf) {
  for (uint32_t seed = 1; seed < 200; ++seed) {
    Backoff backoff(milliseconds(100), milliseconds(500), seed);
    for (const int whole : {100, 200, 400, 500, 500}) {
      const milliseconds pause = backoff.Next();
      EXPECT_GE(pause, milliseconds(whole / 2));
      EXPECT_LE(pause, milliseconds(whole));
    }
  }
}

TEST(Backoff, DiffersFromOneToAnother) {
  Backoff one(milliseconds(1'000'000), milliseconds(1'000'000), 1);
  Backoff other(milliseconds(1'000'000), milliseconds(1'000'000), 2);
  EXPECT_NE(one.Next(), other.Next());
}

TEST(Backoff, BeginsAnewWhenItIsReset) {
  Backoff backoff(milliseconds(100), milliseconds(10'000));
  for (int i = 0; i < 10; ++i) backoff.Next();
  backoff.Reset();
  EXPECT_LE(backoff.Next(), milliseconds(100));
}

}  // namespace
}  // namespace tcptool::fleet
