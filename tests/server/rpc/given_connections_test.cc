#include "server/rpc/given_connections.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>

#include "dataplane/base/unique_fd.h"
#include "server/base/log.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;
using Clock = GivenConnections::Clock;

constexpr auto kAlmost =
    GivenConnections::kTakesNothing - std::chrono::seconds(1);

// A connection, of which the service's end is given away.
class Pair {
 public:
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                         ends.data()),
              0);
    service = UniqueFd(ends[0]);
    client = UniqueFd(ends[1]);
  }

  // Something for the client, in a piece that it can take alone.
  void Send() { EXPECT_EQ(send(service.get(), "x", 1, MSG_NOSIGNAL), 1); }
  void Take() {
    char byte = 0;
    EXPECT_EQ(recv(client.get(), &byte, 1, 0), 1);
  }
  // As gRPC does with a long answer, whenever there is room.
  void Fill() {
    const std::string piece(1 << 20, 'a');
    while (send(service.get(), piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
    }
  }
  size_t Read(size_t most) {
    std::string bytes(most, '\0');
    const ssize_t count = recv(client.get(), bytes.data(), bytes.size(), 0);
    return count < 0 ? 0 : static_cast<size_t>(count);
  }
  bool is_ended() const {
    pollfd polled = {.fd = client.get(), .events = POLLRDHUP, .revents = 0};
    return poll(&polled, 1, 0) > 0;
  }

  UniqueFd service;
  UniqueFd client;
};

class GivenConnectionsTest : public testing::Test {
 protected:
  // Once in a process, as it may be.
  static void SetUpTestSuite() { SetUpLog({.json = true}); }

  // As if so much time had gone by.
  void TickAfter(Clock::duration time) { given.Tick(now += time); }

  GivenConnections given{2};
  Clock::time_point now = Clock::now();
};

// As seccomp filters do that are older than statx(2).
void RefuseStatxOnThisThread() {
  std::array<sock_filter, 4> steps = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_statx, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter = {.len = steps.size(), .filter = steps.data()};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

TEST_F(GivenConnectionsTest, DoesWithoutStatx) {
  // A filter stays for as long as its thread.
  std::thread([this] {
    RefuseStatxOnThisThread();
    Pair first;
    const Pair second;
    const Pair third;
    EXPECT_TRUE(given.Add(first.service.get(), ""));
    EXPECT_TRUE(given.Add(second.service.get(), ""));
    EXPECT_FALSE(given.Add(third.service.get(), ""));
    first.service = UniqueFd();
    EXPECT_TRUE(given.Add(third.service.get(), ""));
  }).join();
}

TEST_F(GivenConnectionsTest, HasSoManyPlacesAndFreesThoseOfWhoIsGone) {
  Pair first;
  const Pair second;
  const Pair third;
  EXPECT_TRUE(given.Add(first.service.get(), ""));
  EXPECT_TRUE(given.Add(second.service.get(), ""));
  EXPECT_FALSE(given.Add(third.service.get(), ""));
  EXPECT_EQ(given.count(), 2);
  first.service = UniqueFd();
  EXPECT_TRUE(given.Add(third.service.get(), ""));
  EXPECT_EQ(given.CountFrom(""), 2);
}

TEST_F(GivenConnectionsTest, EndsALocalClientThatTakesNothing) {
  Pair stopped;
  ASSERT_TRUE(given.Add(stopped.service.get(), ""));
  TickAfter({});
  stopped.Send();
  TickAfter(kAlmost);
  EXPECT_FALSE(stopped.is_ended());
  // More for it changes nothing.
  stopped.Send();
  testing::internal::CaptureStderr();
  TickAfter(std::chrono::seconds(1));
  EXPECT_TRUE(stopped.is_ended());
  FlushLog();
  EXPECT_NE(testing::internal::GetCapturedStderr().find("takes nothing"),
            std::string::npos);
}

TEST_F(GivenConnectionsTest,
       LeavesALocalClientThatTakesSomethingOrOwesNothing) {
  Pair slow;
  const Pair idle;
  ASSERT_TRUE(given.Add(slow.service.get(), ""));
  ASSERT_TRUE(given.Add(idle.service.get(), ""));
  slow.Send();
  slow.Send();
  slow.Send();
  TickAfter({});
  for (int i = 0; i < 2; ++i) {
    TickAfter(kAlmost);
    slow.Take();
    TickAfter(std::chrono::seconds(1));
  }
  EXPECT_FALSE(slow.is_ended());
  EXPECT_FALSE(idle.is_ended());
}

TEST_F(GivenConnectionsTest, LeavesALocalClientThatReadsLittleAtATime) {
  Pair slow;
  Pair stopped;
  ASSERT_TRUE(given.Add(slow.service.get(), ""));
  ASSERT_TRUE(given.Add(stopped.service.get(), ""));
  for (int second = 0; second < 300; ++second) {
    slow.Fill();
    stopped.Fill();
    TickAfter(std::chrono::seconds(1));
    ASSERT_EQ(slow.Read(1000), 1000) << second;
    ASSERT_FALSE(slow.is_ended()) << second;
  }
  EXPECT_TRUE(stopped.is_ended());
}

TEST_F(GivenConnectionsTest, LeavesALocalClientThatReadsAllNowAndThen) {
  Pair bursts;
  ASSERT_TRUE(given.Add(bursts.service.get(), ""));
  for (int second = 0; second < 300; ++second) {
    while (bursts.Read(1 << 20) > 0) {
    }
    bursts.Fill();
    TickAfter(std::chrono::seconds(1));
    ASSERT_FALSE(bursts.is_ended()) << second;
  }
}

TEST_F(GivenConnectionsTest, EndsNothingElseThatHasGotTheDescriptorMeanwhile) {
  Pair gone;
  const int number = gone.service.get();
  ASSERT_TRUE(given.Add(number, ""));
  gone.Send();
  TickAfter({});
  Pair other;
  other.Send();
  ASSERT_EQ(dup2(other.service.get(), number), number);
  TickAfter(2 * GivenConnections::kTakesNothing);
  EXPECT_FALSE(other.is_ended());
  EXPECT_EQ(given.count(), 0);
}

TEST_F(GivenConnectionsTest, LeavesTcpToTheKernel) {
  Pair any;
  ASSERT_TRUE(given.Add(any.service.get(), "a host"));
  any.Send();
  TickAfter({});
  TickAfter(2 * GivenConnections::kTakesNothing);
  EXPECT_FALSE(any.is_ended());
}

}  // namespace
}  // namespace tcptool::server
