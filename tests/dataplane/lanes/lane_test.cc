// A lane by itself: its thread, its end, and what is measured of it.
#include "dataplane/lanes/lane.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <asio/post.hpp>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace tcptool::dataplane {
namespace {

constexpr absl::Duration kTime = absl::Milliseconds(100);

absl::Duration ProcessorTimeOfThisThread() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return absl::DurationFromTimespec(time);
}

// Keeps this thread busy.
void Compute(absl::Duration time) {
  const absl::Duration end = ProcessorTimeOfThisThread() + time;
  while (ProcessorTimeOfThisThread() < end) {
  }
}

class LaneTest : public testing::Test {
 protected:
  template <typename Function>
  void Post(Function task) {
    asio::post(lane_->io(), std::move(task));
  }
  // Waits until the lane has run `task`.
  template <typename Function>
  void Run(Function task) {
    absl::Notification done;
    Post([&] {
      task();
      done.Notify();
    });
    done.WaitForNotification();
  }

  DiskThreads disk_;
  std::unique_ptr<Lane> lane_ =
      std::make_unique<Lane>(SocketApi::Real(), disk_);
};

TEST_F(LaneTest, OneThreadRunsEverythingInOrder) {
  std::vector<int> order;
  std::vector<std::thread::id> threads;
  // Two post at a time, which each of them sees in its order.
  const auto post = [&](int first) {
    for (int i = first; i < 2'000; i += 2) {
      Post([&, i] {
        order.push_back(i);
        threads.push_back(std::this_thread::get_id());
      });
    }
  };
  std::thread other([&] { post(1); });
  post(0);
  other.join();
  Run([] {});
  ASSERT_EQ(order.size(), 2'000u);
  std::array<int, 2> next = {0, 1};
  for (const int i : order) {
    EXPECT_EQ(i, next[i % 2]);
    next[i % 2] += 2;
  }
  for (const std::thread::id id : threads) EXPECT_EQ(id, threads.front());
  EXPECT_NE(threads.front(), std::this_thread::get_id());
}

TEST_F(LaneTest, ItsThreadHasItsName) {
  std::array<char, 16> name{};
  Run([&] { pthread_getname_np(pthread_self(), name.data(), name.size()); });
  EXPECT_EQ(std::string(name.data()), "lane");
}

TEST_F(LaneTest, WhatHasNotRunAtItsEndIsDropped) {
  auto owned = std::make_shared<int>();
  const std::weak_ptr<int> dropped = owned;
  bool ran = false;
  Post([&io = lane_->io()] {
    while (!io.stopped()) std::this_thread::yield();
  });
  Post([&ran, owned] { ran = true; });
  owned.reset();
  EXPECT_FALSE(dropped.expired());
  lane_.reset();
  EXPECT_FALSE(ran);
  EXPECT_TRUE(dropped.expired());
}

TEST_F(LaneTest, ProcessorTimeIsThatOfItsThreadAlone) {
  const absl::Duration before = lane_->processor_time();
  Run([] { Compute(kTime); });
  const absl::Duration after = lane_->processor_time();
  EXPECT_GE(after - before, kTime);
  Compute(kTime);  // Of another thread.
  EXPECT_LT(lane_->processor_time() - after, kTime);
}

// How many samples say that a timer was late by more than 250 ms.
uint64_t Late(const Lane& lane) {
  const DurationHistogram::Values lag = lane.lag().Read();
  uint64_t late = 0;
  for (size_t i = 0; i < lag.counts.size(); ++i) {
    if (i > 0 && lag.bounds[i - 1] >= 0.25) late += lag.counts[i];
  }
  return late;
}

TEST_F(LaneTest, TaskThatHoldsItUpShowsInItsLag) {
  // A timer is due within 250 ms.
  Run([] { absl::SleepFor(absl::Milliseconds(700)); });
  // The timer's handler, which has expired, comes before the next.
  const absl::Time deadline = absl::Now() + absl::Minutes(2);
  while (Late(*lane_) == 0 && absl::Now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_GE(Late(*lane_), 1u);
}

}  // namespace
}  // namespace tcptool::dataplane
