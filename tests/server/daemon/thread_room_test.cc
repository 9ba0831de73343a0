#include "server/daemon/thread_room.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace tcptool::server {
namespace {

size_t ThreadsOfProcess() {
  return static_cast<size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                    std::filesystem::directory_iterator()));
}

TEST(ThreadRoomTest, LeavesNoThreadBehind) {
  // With the first thread, ThreadSanitizer starts one of its own.
  EXPECT_EQ(ThreadRoom(1), 1u);
  const size_t before = ThreadsOfProcess();
  EXPECT_EQ(ThreadRoom(50), 50u);
  EXPECT_EQ(ThreadRoom(0), 0u);
  // One that was joined may be there for another moment.
  while (ThreadsOfProcess() > before) {
  }
}

}  // namespace
}  // namespace tcptool::server
