#include "dataplane/sending/socket_options.h"

#include <gtest/gtest.h>

#include "tests/dataplane/sending/connection.h"

namespace tcptool::dataplane {
namespace {

int Option(const UniqueFd& socket, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(getsockopt(socket.get(), level, option, &value, &size), 0);
  return value;
}

class KeepaliveTest
    : public testing::TestWithParam<std::pair<absl::Duration, int>> {};

TEST_P(KeepaliveTest, AsksThreeTimesInTheDeadTimeout) {
  const auto [dead_timeout, interval] = GetParam();
  const Connection connection = Connect();
  EnableKeepalive(connection.sender.get(), dead_timeout);
  EXPECT_EQ(Option(connection.sender, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(Option(connection.sender, IPPROTO_TCP, TCP_KEEPIDLE), 5);
  EXPECT_EQ(Option(connection.sender, IPPROTO_TCP, TCP_KEEPCNT), 3);
  EXPECT_EQ(Option(connection.sender, IPPROTO_TCP, TCP_KEEPINTVL), interval);
}

// The kernel knows whole seconds, from 1 to 32,767.
INSTANTIATE_TEST_SUITE_P(DeadTimeouts, KeepaliveTest,
                         testing::Values(std::pair(absl::Seconds(15), 5),
                                         std::pair(absl::Seconds(60), 20),
                                         std::pair(absl::Seconds(1), 1),
                                         std::pair(absl::Hours(48), 32'767),
                                         std::pair(absl::InfiniteDuration(),
                                                   32'767)));

TEST(SocketOptionsTest, CorkIsSetAndTakenAway) {
  const Connection connection = Connect();
  SetCork(connection.sender.get(), true);
  EXPECT_EQ(Option(connection.sender, IPPROTO_TCP, TCP_CORK), 1);
  SetCork(connection.sender.get(), false);
  EXPECT_EQ(Option(connection.sender, IPPROTO_TCP, TCP_CORK), 0);
}

TEST(SocketOptionsTest, RateBeyondTheKernelsIsNoLimit) {
  const Connection connection = Connect();
  SetPacing(connection.sender.get(), 1'000'000);
  EXPECT_EQ(Option(connection.sender, SOL_SOCKET, SO_MAX_PACING_RATE),
            1'000'000);
  SetPacing(connection.sender.get(), uint64_t{1} << 40);
  EXPECT_EQ(Option(connection.sender, SOL_SOCKET, SO_MAX_PACING_RATE), -1);
}

TEST(SocketOptionsTest, LimitIsTakenBack) {
  const Connection connection = Connect();
  SetPacing(connection.sender.get(), 1'000'000);
  SetPacing(connection.sender.get(), 0);
  EXPECT_EQ(Option(connection.sender, SOL_SOCKET, SO_MAX_PACING_RATE), -1);
}

// What is beyond the peer's window and the limit is not taken.
TEST(SocketOptionsTest, UnsentBytesAreBounded) {
  const Connection connection = Connect(/*receive_buffer=*/4096);
  constexpr size_t kMaxUnsent = 128 << 10;
  SetMaxUnsent(connection.sender.get(), kMaxUnsent);
  const std::string content = Content(8'000'000);
  size_t taken = 0;
  for (ssize_t got = 1; got > 0; taken += std::max<ssize_t>(got, 0)) {
    got = SocketApi::Real().Send(
        connection.sender.get(),
        std::as_bytes(std::span(content).subspan(taken)));
  }
  // A segment more, and what the peer has room for.
  EXPECT_LT(taken, 3 * kMaxUnsent);
}

}  // namespace
}  // namespace tcptool::dataplane
