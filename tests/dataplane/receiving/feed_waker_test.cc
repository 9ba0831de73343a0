#include "dataplane/receiving/feed_waker.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <functional>
#include <memory>

namespace tcptool::dataplane {
namespace {

class FeedWakerTest : public testing::Test {
 protected:
  // What is on its way comes to the feed's lane.
  void Run() {
    lane_.restart();
    lane_.poll();
  }

  asio::io_context lane_;
  int wakes_ = 0;
  std::shared_ptr<std::function<void()>> wake_ =
      std::make_shared<std::function<void()>>([this] { ++wakes_; });
  const std::shared_ptr<FeedWaker> waker_ =
      std::make_shared<FeedWaker>(lane_, wake_);
};

TEST_F(FeedWakerTest, WakesWhoWaits) {
  waker_->Wait();
  waker_->Wake();
  EXPECT_EQ(wakes_, 0) << "It is woken on its lane.";
  Run();
  EXPECT_EQ(wakes_, 1);
}

TEST_F(FeedWakerTest, WakesNobodyElse) {
  waker_->Wake();
  waker_->Wait();
  waker_->StopWaiting();
  waker_->Wake();
  Run();
  EXPECT_EQ(wakes_, 0);
}

// There is memory for one.
TEST_F(FeedWakerTest, OneWakeIsOnItsWayAtMost) {
  for (int i = 0; i < 3; ++i) {
    waker_->Wait();
    waker_->Wake();
  }
  Run();
  EXPECT_EQ(wakes_, 1);
  waker_->Wait();
  waker_->Wake();
  Run();
  EXPECT_EQ(wakes_, 2);
}

TEST_F(FeedWakerTest, WhoIsGoneIsNotWoken) {
  waker_->Wait();
  waker_->Wake();
  EXPECT_FALSE(waker_->expired());
  wake_ = nullptr;
  EXPECT_TRUE(waker_->expired());
  Run();
  EXPECT_EQ(wakes_, 0);
}

}  // namespace
}  // namespace tcptool::dataplane
