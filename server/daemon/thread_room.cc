#include "server/daemon/thread_room.h"

#include <system_error>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

namespace tcptool::server {

size_t ThreadRoom(size_t wanted) {
  absl::Notification counted;
  std::vector<std::thread> threads;
  threads.reserve(wanted);
  try {
    while (threads.size() < wanted) {
      threads.emplace_back([&counted] { counted.WaitForNotification(); });
    }
  } catch (const std::system_error&) {  // No more.
  }
  counted.Notify();
  for (std::thread& thread : threads) thread.join();
  return threads.size();
}

}  // namespace tcptool::server
