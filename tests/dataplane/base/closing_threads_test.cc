#include "dataplane/base/closing_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"
#include "dataplane/base/delete_on_a_thread.h"
#include "tests/dataplane/no_threads.h"

namespace tcptool::dataplane {
namespace {

// A task that waits until it may end; destroyed only when the threads are done
// with it.
class Hanging {
 public:
  ClosingThreads::Task Task() {
    return [this] {
      begun_.Notify();
      released_.WaitForNotification();
      ended_.Notify();
    };
  }
  ~Hanging() {
    released_.Notify();
    ended_.WaitForNotification();
  }
  void WaitForBegin() { begun_.WaitForNotification(); }
  bool has_begun() const { return begun_.HasBeenNotified(); }

 private:
  absl::Notification begun_;
  absl::Notification released_;
  absl::Notification ended_;
};

// Runs a task of the disk's, and waits for it.
void RunOn(ClosingThreads& threads, uint64_t disk) {
  absl::Notification done;
  threads.Run(disk, [&done] { done.Notify(); });
  done.WaitForNotification();
}

TEST(ClosingThreadsTest, OneThatHangsHoldsOneThreadAndItsOwnDiskAlone) {
  ClosingThreads threads(2);
  std::atomic<int> behind = 0;
  absl::Notification last;
  {
    Hanging hanging;
    threads.Run(1, hanging.Task());
    hanging.WaitForBegin();
    for (int i = 0; i < 100; ++i) threads.Run(1, [&behind] { ++behind; });
    threads.Run(1, [&last] { last.Notify(); });
    for (uint64_t disk = 2; disk < 10; ++disk) RunOn(threads, disk);
    EXPECT_EQ(behind, 0);
    EXPECT_EQ(threads.BacklogOf(1).tasks, 102u);
    EXPECT_GT(threads.BacklogOf(1).running, Clock::duration::zero());
    EXPECT_EQ(threads.BacklogOf(99).tasks, 0u);
  }
  last.WaitForNotification();
  EXPECT_EQ(behind, 100);
}

TEST(ClosingThreadsTest, HasNoMoreThreadsThanItMay) {
  ClosingThreads threads(2);
  absl::Notification third;
  {
    Hanging first;
    Hanging second;
    threads.Run(1, first.Task());
    threads.Run(2, second.Task());
    first.WaitForBegin();
    second.WaitForBegin();
    threads.Run(3, [&third] { third.Notify(); });
    EXPECT_FALSE(third.HasBeenNotified());
  }
  third.WaitForNotification();
}

TEST(ClosingThreadsTest, NeverRunsATaskInTheCaller) {
  ClosingThreads threads;
  std::atomic<int> ended = 0;
  {
    const NoThreads none;
    for (uint64_t disk = 1; disk < 4; ++disk) {
      threads.Run(disk, [&ended] { ++ended; });
    }
    EXPECT_EQ(ended, 0);
  }
  // With the next one there is a thread, which runs all.
  absl::Notification last;
  threads.Run(4, [&last] { last.Notify(); });
  last.WaitForNotification();
  EXPECT_EQ(ended, 3);
}

TEST(ClosingThreadsTest, ItsEndWaitsForNobody) {
  Hanging hanging;
  auto dropped = std::make_shared<int>();
  {
    ClosingThreads threads(1);
    threads.Run(1, hanging.Task());
    hanging.WaitForBegin();
    threads.Run(1, [dropped] { FAIL() << *dropped; });
  }
  EXPECT_EQ(dropped.use_count(), 1);
}

TEST(DeleteOnAThreadTest, DeletesSoonOnAnotherThread) {
  struct Object {
    ~Object() {
      *thread = pthread_self();
      deleted->Notify();
    }
    pthread_t* thread;
    absl::Notification* deleted;
  };
  pthread_t thread = pthread_self();
  absl::Notification deleted;
  std::shared_ptr<Object>(new Object{&thread, &deleted}, DeleteOnAThread(1))
      .reset();
  deleted.WaitForNotification();
  EXPECT_EQ(pthread_equal(thread, pthread_self()), 0);
}

}  // namespace
}  // namespace tcptool::dataplane
