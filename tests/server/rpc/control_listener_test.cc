#include "server/rpc/control_listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "server/base/log.h"
#include "tests/server/testing.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

UniqueFd NewSocket() {
  return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

// From 127.0.0.`host`: Linux has all of 127.0.0.0/8.
void BindTo(const UniqueFd& fd, uint32_t host) {
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffU) | host);
  ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&from), sizeof(from)),
            0);
}

// At the loopback address, whatever the host is. What connect(2) returns.
int TryToConnect(const UniqueFd& fd, const std::string& address) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<uint16_t>(port));
  return connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to));
}

void Connect(const UniqueFd& fd, const std::string& address) {
  EXPECT_EQ(TryToConnect(fd, address), 0) << address;
}

UniqueFd ConnectTo(const std::string& address, uint32_t from = 1) {
  UniqueFd fd = NewSocket();
  // For a reset that does not come.
  const timeval limit = {.tv_sec = 30, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  BindTo(fd, from);
  Connect(fd, address);
  return fd;
}

// What the peer of the connection has done: 0 is an end, ECONNRESET a reset.
int WaitForEnd(const UniqueFd& fd) {
  char byte = 0;
  return recv(fd.get(), &byte, 1, 0) < 0 ? errno : 0;
}

// Keeps what it is given, as gRPC would.
class Taken {
 public:
  ControlListener::OnConnection Taker() {
    return [this](UniqueFd fd) {
      absl::MutexLock lock(&mutex_);
      taken_.push_back(std::move(fd));
    };
  }
  size_t count() const {
    absl::MutexLock lock(&mutex_);
    return taken_.size();
  }
  void CloseAll() {
    absl::MutexLock lock(&mutex_);
    taken_.clear();
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<UniqueFd> taken_ ABSL_GUARDED_BY(mutex_);
};

class ControlListenerTest : public testing::Test {
 protected:
  // Once in a process, as it may be.
  static void SetUpTestSuite() { SetUpLog({.json = true}); }

  Taken taken;  // Outlives the listeners, whose threads use it.
};

TEST_F(ControlListenerTest, ResetsWhatIsBeyondItsBoundUntilThereIsRoom) {
  auto listener = *ControlListener::Listen("127.0.0.1:0", 2);
  listener->Open(taken.Taker());
  const UniqueFd first = ConnectTo(listener->address());
  const UniqueFd second = ConnectTo(listener->address(), 2);
  const UniqueFd third = ConnectTo(listener->address(), 3);
  EXPECT_EQ(WaitForEnd(third), ECONNRESET);
  EXPECT_EQ(taken.count(), 2);
  // Nobody tells the listener.
  taken.CloseAll();
  const UniqueFd fourth = ConnectTo(listener->address());
  EXPECT_TRUE(WaitUntil([&] { return taken.count() == 1; }));
}

TEST_F(ControlListenerTest, LeavesHalfOfItsRoomToOtherAddresses) {
  for (const char* address : {"127.0.0.1:0", "[::]:0"}) {
    auto listener = *ControlListener::Listen(address, 4);
    listener->Open(taken.Taker());
    std::vector<UniqueFd> crowd;
    crowd.reserve(2);
    for (int i = 0; i < 2; ++i) {
      crowd.push_back(ConnectTo(listener->address(), 2));
    }
    const UniqueFd surplus = ConnectTo(listener->address(), 2);
    EXPECT_EQ(WaitForEnd(surplus), ECONNRESET) << address;
    const UniqueFd other = ConnectTo(listener->address(), 3);
    EXPECT_TRUE(WaitUntil([&] { return taken.count() == 3; })) << address;
    // Its places are free again when its connections are gone.
    taken.CloseAll();
    const UniqueFd later = ConnectTo(listener->address(), 2);
    EXPECT_TRUE(WaitUntil([&] { return taken.count() == 1; })) << address;
    taken.CloseAll();
  }
}

TEST_F(ControlListenerTest, LetsConnectionsWaitWhileThereAreNoDescriptors) {
  auto listener = *ControlListener::Listen("127.0.0.1:0", 10);
  listener->Open(taken.Taker());
  const UniqueFd waiting = NewSocket();
  testing::internal::CaptureStderr();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // All below this are in use; poll(2) wants it no smaller than its count.
  const rlimit none = {.rlim_cur = 2, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  Connect(waiting, listener->address());
  // Longer than the listener's pause: it tries, and goes on trying.
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(taken.count(), 0);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(WaitUntil([&] { return taken.count() == 1; }));
  FlushLog();
  const std::vector<std::string> told = absl::StrSplit(
      testing::internal::GetCapturedStderr(), "\"control_starved\"");
  EXPECT_EQ(told.size(), 2u) << "it is told once, not at each try";
}

TEST_F(ControlListenerTest, HasFewWaitToBeAccepted) {
  auto listener = *ControlListener::Listen("127.0.0.1:0", std::nullopt);
  std::vector<UniqueFd> clients;
  std::vector<pollfd> polled;
  for (int i = 0; i < 300; ++i) {
    clients.push_back(NewSocket());
    fcntl(clients.back().get(), F_SETFL, O_NONBLOCK);
    TryToConnect(clients.back(), listener->address());
    polled.push_back({clients.back().get(), POLLOUT, 0});
  }
  // The kernel takes one more than it is told. Others may think that they are
  // connected too; most try again and again.
  constexpr int kMost = 129;
  EXPECT_TRUE(WaitUntil(
      [&] { return poll(polled.data(), polled.size(), 0) >= kMost; }));
  EXPECT_LT(poll(polled.data(), polled.size(), 0), 300);
}

TEST_F(ControlListenerTest, RefusesAPortThatSomebodyHas) {
  auto listener = *ControlListener::Listen("127.0.0.1:0", 2);
  const auto second = ControlListener::Listen(listener->address(), 2);
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_NE(second.status().message().find(listener->address()),
            absl::string_view::npos)
      << second.status();
}

TEST_F(ControlListenerTest, ServesBothFamiliesOnAllAddresses) {
  for (const char* all : {"0.0.0.0:0", "[::]:0"}) {
    auto listener = *ControlListener::Listen(all, 2);
    listener->Open(taken.Taker());
    const UniqueFd client = ConnectTo(listener->address());
    EXPECT_TRUE(WaitUntil([&] { return taken.count() == 1; })) << all;
    taken.CloseAll();
  }
}

TEST_F(ControlListenerTest, KeepsASocketToItsOwnerAndGroupAndRemovesIt) {
  const std::string path = absl::StrCat("/tmp/tcptool-", getpid(), ".sock");
  {
    auto listener = *ControlListener::Listen(absl::StrCat("unix:", path), 2);
    EXPECT_EQ(listener->address(), absl::StrCat("unix:", path));
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0660);
    listener->Open(taken.Taker());
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, sizeof(to.sun_path) - 1);
    const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)),
              0);
    EXPECT_TRUE(WaitUntil([&] { return taken.count() == 1; }));
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST_F(ControlListenerTest, TakesNothingOnceItIsClosed) {
  auto listener = *ControlListener::Listen("127.0.0.1:0", 2);
  listener->Open(taken.Taker());
  listener->Close();
  const auto again = ControlListener::Listen(listener->address(), 2);
  EXPECT_TRUE(again.ok()) << again.status();
}

}  // namespace
}  // namespace tcptool::server
