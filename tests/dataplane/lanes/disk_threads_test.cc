// What waits for a disk, and whom that holds up.
#include "dataplane/lanes/disk_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "tests/dataplane/no_threads.h"

namespace tcptool::dataplane {
namespace {

constexpr DiskThreads::Limits kLimits = {
    .each_file = 2, .each_disk = 4, .all = 16};

DiskThreads::Client FileOn(uint64_t disk, uintptr_t file) {
  return {.disk = disk, .file = reinterpret_cast<const void*>(file)};
}

TEST(DiskThreadsTest, TasksOfAFileThatHangsHoldNoMoreThanItsShare) {
  absl::Notification released;
  std::atomic<int> begun = 0;
  DiskThreads threads(kLimits);
  for (int i = 0; i < 10; ++i) {
    threads.Run(FileOn(1, 1), [&] {
      ++begun;
      released.WaitForNotification();
    });
  }
  // Another of the same disk goes on, behind all of them.
  absl::Notification done;
  threads.Run(FileOn(1, 2), [&done] { done.Notify(); });
  done.WaitForNotification();
  EXPECT_LE(begun, 2);
  released.Notify();
  threads.Join();
  EXPECT_EQ(begun, 10);
}

TEST(DiskThreadsTest, TaskWaitsWhereNoThreadCanBeHad) {
  DiskThreads threads(kLimits);
  std::atomic<int> ended = 0;
  {
    const NoThreads none;
    for (int i = 0; i < 3; ++i) {
      threads.Run(FileOn(1, 1), [&ended] { ++ended; });
    }
    EXPECT_EQ(ended, 0);
  }
  threads.Run(FileOn(2, 2), [&ended] { ++ended; });
  threads.Join();
  EXPECT_EQ(ended, 4);
}

TEST(DiskThreadsTest, DiskThatHangsHoldsNoMoreThanItsShare) {
  absl::Notification released;
  std::atomic<int> begun = 0;
  DiskThreads threads(kLimits);
  for (uintptr_t file = 1; file <= 100; ++file) {
    threads.Run(FileOn(1, file), [&] {
      ++begun;
      released.WaitForNotification();
    });
  }
  // As many disks as there are threads for beside it, at the same time.
  auto* const barrier = new absl::Barrier(12);
  std::atomic<int> done = 0;
  for (uintptr_t file = 101; file < 113; ++file) {
    threads.Run(FileOn(file, file), [&done, barrier] {
      if (barrier->Block()) delete barrier;
      ++done;
    });
  }
  absl::Notification last;
  threads.Run(FileOn(200, 200), [&last] { last.Notify(); });
  last.WaitForNotification();
  EXPECT_LE(begun, 4);
  released.Notify();
  threads.Join();
  EXPECT_EQ(begun, 100);
  EXPECT_EQ(done, 12);
}

TEST(DiskThreadsTest, ThirtyMountsOfADeadServerStopNoOtherDisk) {
  DiskThreads threads;
  absl::Notification released;
  for (uintptr_t mount = 1; mount <= 30; ++mount) {
    for (uintptr_t i = 0; i < 10; ++i) {
      threads.Run(FileOn(mount, mount * 10 + i),
                  [&released] { released.WaitForNotification(); });
    }
  }
  absl::Notification read;
  threads.Run(FileOn(100, 1000), [&read] { read.Notify(); });
  EXPECT_TRUE(read.WaitForNotificationWithTimeout(absl::Minutes(2)));
  released.Notify();
  threads.Join();
}

TEST(DiskThreadsTest, TasksOfAFileBeginInOrder) {
  DiskThreads threads({.each_file = 1, .each_disk = 4, .all = 4});
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) {
    threads.Run(FileOn(1, 1), [&order, i] { order.push_back(i); });
  }
  threads.Join();
  ASSERT_EQ(order.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[i], i);
}

TEST(DiskThreadsTest, NoMoreThreadsThanAllowed) {
  DiskThreads threads({.each_file = 8, .each_disk = 8, .all = 3});
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  for (uintptr_t i = 0; i < 300; ++i) {
    threads.Run(FileOn(i, i), [&] {
      const int now = ++running;
      int seen = most;
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::yield();
      --running;
    });
  }
  threads.Join();
  EXPECT_LE(most, 3);
}

TEST(DiskThreadsTest, TaskMayRunAnother) {
  DiskThreads threads(kLimits);
  absl::Notification done;
  threads.Run(FileOn(1, 1),
              [&] { threads.Run(FileOn(1, 1), [&done] { done.Notify(); }); });
  done.WaitForNotification();
}

TEST(DiskThreadsTest, NothingRunsAfterTheJoin) {
  DiskThreads threads(kLimits);
  threads.Join();
  bool ran = false;
  threads.Run(FileOn(1, 1), [&ran] { ran = true; });
  threads.Join();
  EXPECT_FALSE(ran);
}

TEST(DiskThreadsTest, JoinDoesNotWaitForWhatIsAbandoned) {
  // Used by the task that hangs: never destroyed.
  static auto& threads =
      *new DiskThreads({.each_file = 1, .each_disk = 1, .all = 1});
  absl::Notification begun;
  static auto& released = *new absl::Notification;
  static auto& ended = *new absl::Notification;
  threads.Run(FileOn(1, 1), [&begun] {
    begun.Notify();
    released.WaitForNotification();
    ended.Notify();
  });
  begun.WaitForNotification();
  const auto owned = std::make_shared<bool>(false);
  threads.Run(FileOn(1, 1), [owned] { *owned = true; });
  std::thread abandon([] { threads.Abandon(); });
  EXPECT_FALSE(threads.Join());
  abandon.join();
  EXPECT_EQ(owned.use_count(), 1) << "what had not begun was dropped";
  threads.Run(FileOn(2, 2), [owned] { *owned = true; });
  EXPECT_EQ(owned.use_count(), 1);
  released.Notify();
  ended.WaitForNotification();
  EXPECT_FALSE(*owned);
}

TEST(DiskThreadsTest, NothingIsLostWhereNothingHangs) {
  DiskThreads threads(kLimits);
  std::atomic<int> ran = 0;
  threads.Run(FileOn(1, 1), [&ran] { ++ran; });
  EXPECT_TRUE(threads.Join());
  threads.Abandon();
  EXPECT_TRUE(threads.Join());
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace tcptool::dataplane
