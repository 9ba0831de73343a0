// What recipients see of a sender that is killed. By itself: it forks before
// the process has threads, as the thread sanitizer wants.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kLarge = 24'000'001;  // More than any socket's buffers hold.

// The kernel closes the sockets of a killed process.
TEST(KilledSenderTest, ResetsItsRecipients) {
  int port_pipe[2];
  ASSERT_EQ(pipe(port_pipe), 0);
  const pid_t sender = fork();
  ASSERT_GE(sender, 0);
  if (sender == 0) {
    OneSession one(FileOf(Content(kLarge)));
    const uint16_t port = one.port();
    if (write(port_pipe[1], &port, sizeof port) != sizeof port) _exit(1);
    for (;;) pause();
  }
  uint16_t port = 0;
  ASSERT_EQ(read(port_pipe[0], &port, sizeof port),
            static_cast<ssize_t>(sizeof port));
  Peer silent(port);
  Peer waiting(port);
  Peer half_closed(port);
  half_closed.Say(0);
  half_closed.HalfClose();
  Peer reading(port);
  reading.Say(1);
  EXPECT_EQ(reading.Read(1000).data.size(), 1000u);
  EXPECT_EQ(half_closed.Read(1000).data.size(), 1000u);
  waiting.Say(0);
  EXPECT_EQ(waiting.Read(1000).data.size(), 1000u);
  ASSERT_EQ(kill(sender, SIGKILL), 0);
  ASSERT_EQ(waitpid(sender, nullptr, 0), sender);
  EXPECT_EQ(reading.Read().error, ECONNRESET);
  EXPECT_EQ(half_closed.Read().error, ECONNRESET);
  EXPECT_EQ(waiting.Read().error, ECONNRESET);
  EXPECT_EQ(silent.Read().error, ECONNRESET);
  close(port_pipe[0]);
  close(port_pipe[1]);
}

}  // namespace
}  // namespace tcptool::dataplane
