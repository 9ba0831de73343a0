#include "server/connect/running_calls.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace tcptool::server {
namespace {

TEST(RunningCallsTest, WaitsForThoseThatHaveNotEnded) {
  RunningCalls running;
  running.WaitForAll();  // For none.
  running.Add();
  running.Add();
  std::atomic<int> ended = 0;
  std::thread calls([&] {
    for (int i = 0; i < 2; ++i) {
      std::this_thread::yield();
      ++ended;
      running.Remove();
    }
  });
  running.WaitForAll();
  EXPECT_EQ(ended, 2);
  calls.join();
}

}  // namespace
}  // namespace tcptool::server
