#include "server/daemon/standby_thread.h"

#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"

namespace tcptool::server {
namespace {

using std::chrono::nanoseconds;

TEST(StandbyThreadTest, RunsATaskOnAThreadThatWasThereBefore) {
  StandbyThread thread;
  std::thread::id ran_on;
  ASSERT_TRUE(thread.Run([&] { ran_on = std::this_thread::get_id(); },
                         nanoseconds::max()));
  EXPECT_NE(ran_on, std::thread::id());
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

TEST(StandbyThreadTest, EndsWithoutATask) { const StandbyThread thread; }

TEST(StandbyThreadTest, WaitsNoLongerThanTheLimitForATask) {
  struct Shared {
    absl::Notification go;
    absl::Notification gone;
  };
  const auto shared = std::make_shared<Shared>();
  {
    StandbyThread thread;
    EXPECT_FALSE(thread.Run(
        [shared] {
          shared->go.WaitForNotification();
          shared->gone.Notify();
        },
        std::chrono::milliseconds(1)));
  }
  // It outlives the object.
  shared->go.Notify();
  shared->gone.WaitForNotification();
}

}  // namespace
}  // namespace tcptool::server
