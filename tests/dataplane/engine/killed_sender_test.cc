// What recipients see of a sender that is killed. By itself: it forks before
// the process has threads, as the thread sanitizer wants.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "tests/dataplane/testing.h"
#include "tests/dataplane/tls/tls_peer.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kLarge = 24'000'001;  // More than any socket's buffers hold.

// A session in a process of its own.
class ForkedSender {
 public:
  explicit ForkedSender(const SessionOptions& options = {}) {
    int port_pipe[2];
    EXPECT_EQ(pipe(port_pipe), 0);
    pid_ = fork();
    EXPECT_GE(pid_, 0);
    if (pid_ == 0) {
      OneSession one(FileOf(Content(kLarge)), options);
      const uint16_t port = one.port();
      if (write(port_pipe[1], &port, sizeof port) != sizeof port) _exit(1);
      for (;;) pause();
    }
    EXPECT_EQ(read(port_pipe[0], &port_, sizeof port_),
              static_cast<ssize_t>(sizeof port_));
    close(port_pipe[0]);
    close(port_pipe[1]);
  }

  uint16_t port() const { return port_; }
  void Kill() const {
    EXPECT_EQ(kill(pid_, SIGKILL), 0);
    EXPECT_EQ(waitpid(pid_, nullptr, 0), pid_);
  }

 private:
  pid_t pid_ = 0;
  uint16_t port_ = 0;
};

// The kernel closes the sockets of a killed process.
TEST(KilledSenderTest, ResetsItsRecipients) {
  const ForkedSender sender;
  const uint16_t port = sender.port();
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
  sender.Kill();
  EXPECT_EQ(reading.Read().error, ECONNRESET);
  EXPECT_EQ(half_closed.Read().error, ECONNRESET);
  EXPECT_EQ(waiting.Read().error, ECONNRESET);
  EXPECT_EQ(silent.Read().error, ECONNRESET);
}

TEST(KilledSenderTest, SaysNoEndInTlsEither) {
  const TlsWorld world;
  const SessionTls tls{
      .context = [context = world.Server()] { return context; }};
  const ForkedSender sender({.tls = std::make_shared<const SessionTls>(tls)});
  const Context client = world.Client();
  TlsPeer silent(sender.port(), client);
  TlsPeer waiting(sender.port(), client);
  TlsPeer reading(sender.port(), client);
  for (TlsPeer* const peer : {&silent, &waiting, &reading}) {
    ASSERT_TRUE(peer->Handshake());
  }
  ASSERT_TRUE(waiting.Say(std::string(1, 0)));
  ASSERT_TRUE(reading.Say("\x01"));
  EXPECT_EQ(reading.Read(1000).data.size(), 1000u);
  sender.Kill();
  for (TlsPeer* const peer : {&silent, &waiting, &reading}) {
    EXPECT_EQ(peer->Read().error, ECONNRESET);
  }
}

}  // namespace
}  // namespace tcptool::dataplane
