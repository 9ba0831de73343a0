// Abseil's locks as ThreadSanitizer sees them: a run in which it reports a race
// fails.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

namespace tcptool {
namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 200;

// Whoever lets go of a lock evaluates the conditions of all who wait for it,
// which lie on their stacks.
TEST(TsanMutexTest, SeveralThreadsWaitForOneNotification) {
  for (int round = 0; round < kRounds; ++round) {
    absl::Notification notification;
    int written = 0;
    std::vector<std::thread> waiting;
    for (int i = 0; i < kThreads; ++i) {
      waiting.emplace_back([&] {
        notification.WaitForNotification();
        EXPECT_EQ(written, round);
      });
    }
    written = round;
    notification.Notify();
    for (std::thread& thread : waiting) thread.join();
  }
}

TEST(TsanMutexTest, ThreadsTakeTurns) {
  absl::Mutex mutex;
  int turns = 0;
  std::vector<std::thread> taking;
  for (int i = 0; i < kThreads; ++i) {
    taking.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        const int mine = round * kThreads + i;
        auto is_mine = [&] { return turns == mine; };
        const absl::MutexLock lock(&mutex, absl::Condition(&is_mine));
        ++turns;
      }
    });
  }
  for (std::thread& thread : taking) thread.join();
  const absl::MutexLock lock(&mutex);
  EXPECT_EQ(turns, kThreads * kRounds);
}

}  // namespace
}  // namespace tcptool
