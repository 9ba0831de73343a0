#include "server/rpc/probe_call.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include "dataplane/base/unique_fd.h"
#include "tests/server/testing.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

constexpr std::chrono::seconds kLong{30};

TEST(ProbeCallTest, IsAnsweredByAServer) {
  auto server = ControlServer::Start({.address = "127.0.0.1:0"}, {}, {}, {});
  ASSERT_TRUE(server.ok()) << server.status();
  const UniqueFd connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(ParseHostPort((*server)->address())->port);
  ASSERT_EQ(connect(connection.get(), reinterpret_cast<sockaddr*>(&address),
                    sizeof(address)),
            0);
  const absl::Status status = MakeProbeCall(connection.get(), kLong);
  EXPECT_TRUE(status.ok()) << status;
  (*server)->Stop(std::chrono::milliseconds(0));
}

struct SocketPair {
  SocketPair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                         ends.data()),
              0);
    ours = UniqueFd(ends[0]);
    servers = UniqueFd(ends[1]);
  }

  UniqueFd ours;
  UniqueFd servers;
};

TEST(ProbeCallTest, FailsIfNobodyAnswers) {
  const SocketPair pair;
  // SETTINGS is no answer.
  constexpr std::array<char, 9> kSettings = {0, 0, 0, 4};
  ASSERT_EQ(send(pair.servers.get(), kSettings.data(), kSettings.size(), 0), 9);
  const absl::Status status =
      MakeProbeCall(pair.ours.get(), std::chrono::milliseconds(20));
  EXPECT_EQ(status.message(), "gRPC does not answer a call in time");
}

TEST(ProbeCallTest, FailsIfTheConnectionEnds) {
  SocketPair pair;
  pair.servers = UniqueFd();
  EXPECT_FALSE(MakeProbeCall(pair.ours.get(), kLong).ok());
}

}  // namespace
}  // namespace tcptool::server
