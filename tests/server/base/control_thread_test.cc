// The thread of a manager's commands.
#include "server/base/control_thread.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tcptool::server {
namespace {

TEST(ControlThreadTest, RunsTasksOneAtATimeInTheirOrder) {
  ControlThread control;
  std::vector<int> order;  // Of the control thread alone.
  std::thread::id thread;
  for (int i = 0; i < 100; ++i) {
    control.Post([&order, i] { order.push_back(i); });
  }
  control.PostAndWait([&] { thread = std::this_thread::get_id(); });
  EXPECT_NE(thread, std::this_thread::get_id());
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
  control.Post([&order] { order.clear(); });
  control.Join();
  EXPECT_TRUE(order.empty());
}

}  // namespace
}  // namespace tcptool::server
