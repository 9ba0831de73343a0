#include "server/security/credential_reloader.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace tcptool::server {
namespace {

// What a disk that is gone holds.
struct Disk {
  absl::Notification is_read;
  absl::Notification is_back;
  absl::Notification is_left;
};

TEST(CredentialReloaderTest, ReloadsAgainAndAgain) {
  const auto count = std::make_shared<std::atomic<int>>(0);
  absl::Notification second;
  {
    const CredentialReloader reloader([count, &second] {
      if (++*count == 2) second.Notify();
    });
    second.WaitForNotification();
  }
  const int at_the_end = *count;
  EXPECT_GE(at_the_end, 2);
}

TEST(CredentialReloaderTest, TellsOfAReloadThatHangsAndDoesNotWaitForIt) {
  const auto disk = std::make_shared<Disk>();
  {
    const CredentialReloader reloader([disk] {
      disk->is_read.Notify();
      disk->is_back.WaitForNotification();
      disk->is_left.Notify();
    });
    disk->is_read.WaitForNotification();
    while (reloader.running_for() < std::chrono::milliseconds(100)) {
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  // It hangs still; nobody asks for more.
  EXPECT_FALSE(disk->is_left.HasBeenNotified());
  disk->is_back.Notify();
  disk->is_left.WaitForNotification();
}

}  // namespace
}  // namespace tcptool::server
