#include "server/rpc/control_probe.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "dataplane/base/unique_fd.h"
#include "tests/server/testing.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

constexpr ControlProbe::Options kFast = {
    .interval = std::chrono::milliseconds(20),
    .limit = std::chrono::seconds(1)};

absl::Status Answered(std::chrono::milliseconds) { return absl::OkStatus(); }

// Listens on a port of the kernel's choice; accepts when it is told to.
class ListeningSocket {
 public:
  ListeningSocket() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_.get(), any, size), 0);
    EXPECT_EQ(listen(fd_.get(), SOMAXCONN), 0);
    EXPECT_EQ(getsockname(fd_.get(), any, &size), 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }

  const std::string& address() const { return address_; }
  void AcceptAndClose() const { UniqueFd(accept(fd_.get(), nullptr, nullptr)); }

 private:
  const UniqueFd fd_;
  std::string address_;
};

TEST(ControlProbeTest, SaysThatAPortWhereNobodyAcceptsDoesNotWork) {
  const ListeningSocket listener;
  const ControlProbe probe(listener.address(), kFast, Answered, [](bool) {});
  EXPECT_TRUE(probe.works());
  EXPECT_TRUE(WaitUntil([&] { return !probe.works(); }));
  // Those that wait in the queue were given up; a later one is answered.
  EXPECT_TRUE(WaitUntil([&] {
    listener.AcceptAndClose();
    return probe.works();
  }));
}

TEST(ControlProbeTest, SaysThatAPortThatIsGoneDoesNotWork) {
  std::atomic<int> changes = 0;
  const std::string gone = ListeningSocket().address();
  const ControlProbe probe(gone, kFast, Answered, [&](bool works) {
    EXPECT_FALSE(works);
    ++changes;
  });
  EXPECT_TRUE(WaitUntil([&] { return changes == 1; }));
  EXPECT_FALSE(probe.works());
}

TEST(ControlProbeTest, FindsThatAServerWorks) {
  const std::string address = ListeningSocket().address();
  const ControlProbe probe(address,
                           {.interval = std::chrono::milliseconds(200),
                            .limit = std::chrono::seconds(1)},
                           Answered, [](bool) {});
  ASSERT_TRUE(WaitUntil([&] { return !probe.works(); }));
  auto server = ControlServer::Start({.address = address}, {}, {}, {});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(WaitUntil([&] { return probe.works(); }));
  (*server)->Stop(std::chrono::milliseconds(0));
}

TEST(ControlProbeTest, SaysThatAPortBehindWhichNoCallIsAnsweredDoesNotWork) {
  auto server = ControlServer::Start({.address = "127.0.0.1:0"}, {}, {}, {});
  ASSERT_TRUE(server.ok()) << server.status();
  std::atomic<bool> answers = false;
  const ControlProbe probe((*server)->address(), kFast,
                           [&answers](std::chrono::milliseconds) {
                             return answers ? absl::OkStatus()
                                            : absl::UnavailableError("none");
                           },
                           [](bool) {});
  EXPECT_TRUE(WaitUntil([&] { return !probe.works(); }));
  answers = true;
  EXPECT_TRUE(WaitUntil([&] { return probe.works(); }));
  (*server)->Stop(std::chrono::milliseconds(0));
}

}  // namespace
}  // namespace tcptool::server
