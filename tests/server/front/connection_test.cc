// What a connection does about time; the test is the client, gRPC and the
// clock.
#include "server/front/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;
using std::chrono::seconds;

struct Pair {
  UniqueFd ours;
  UniqueFd connections;
};

Pair NewPair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                       ends.data()),
            0);
  return {.ours = UniqueFd(ends[0]), .connections = UniqueFd(ends[1])};
}

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    connection->Start();
    connection->Trust();
    io.poll();
  }

  // What has come, as much as `most`; nothing waits.
  static std::string Take(const UniqueFd& fd, size_t most) {
    std::string bytes(most, '\0');
    const ssize_t count = recv(fd.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(count < 0 ? 0 : static_cast<size_t>(count));
    return bytes;
  }
  static bool HasEnded(const UniqueFd& fd) {
    char byte = 0;
    while (recv(fd.get(), &byte, 1, 0) > 0) {
    }
    return recv(fd.get(), &byte, 1, 0) == 0;
  }

  // Answers until there is room nowhere on the way to the client.
  void Fill() {
    const std::string piece(64 << 10, 'a');
    for (int count = 0; count < 1000; ++count) {
      if (send(grpc.ours.get(), piece.data(), piece.size(), MSG_NOSIGNAL) < 0) {
        return;
      }
      io.poll();
    }
    FAIL() << "somebody reads";
  }

  void TickAt(Connection::Clock::duration later) {
    connection->Tick(start + later);
    io.poll();
  }

  const Connection::Clock::time_point start = Connection::Clock::now();
  asio::io_context io;
  StrangerSlots slots{1};
  std::vector<char> scratch = std::vector<char>(Connection::kScratchBytes);
  Pair client = NewPair();
  Pair grpc = NewPair();
  std::string refused;
  bool ended = false;
  std::shared_ptr<Connection> connection = std::make_shared<Connection>(
      io, std::move(client.connections), nullptr, std::move(grpc.connections),
      slots, absl::MakeSpan(scratch),
      Connection::Events{
          .on_ready = [](const X509*) {},
          .on_refused =
              [this](absl::string_view why) { refused = std::string(why); },
          .on_end = [this](UniqueFd) { ended = true; }});
};

TEST_F(ConnectionTest, EndsAClientThatTakesNothing) {
  Fill();
  TickAt(seconds(10));
  // It takes a little, now and then.
  for (const int second : {35, 60}) {
    EXPECT_FALSE(Take(client.ours, 64 << 10).empty());
    io.poll();
    TickAt(seconds(second));
    EXPECT_EQ(refused, "") << second;
  }
  TickAt(seconds(89));
  EXPECT_EQ(refused, "");
  TickAt(seconds(90));
  EXPECT_NE(refused, "");
  EXPECT_TRUE(HasEnded(client.ours));
  EXPECT_TRUE(HasEnded(grpc.ours));
  grpc.ours = UniqueFd();
  io.poll();
  EXPECT_TRUE(ended);
}

TEST_F(ConnectionTest, LeavesALocalClientThatReadsLittleAtATime) {
  for (int second = 0; second < 300; ++second) {
    Fill();
    TickAt(seconds(second));
    ASSERT_EQ(refused, "") << second;
    ASSERT_NE(Take(client.ours, 1000), "") << second;
  }
}

TEST_F(ConnectionTest, LeavesAClientForWhichThereIsNothing) {
  TickAt(seconds(1));
  TickAt(seconds(1000));
  EXPECT_EQ(refused, "");
  EXPECT_FALSE(ended);
}

TEST_F(ConnectionTest, EndsInOrderOnceItIsRevoked) {
  ASSERT_EQ(send(client.ours.get(), "before", 6, 0), 6);
  io.poll();
  EXPECT_EQ(Take(grpc.ours, 6), "before");
  connection->Revoke();
  ASSERT_EQ(send(client.ours.get(), "after", 5, 0), 5);
  io.poll();
  EXPECT_EQ(Take(grpc.ours, 5), "");
  TickAt(seconds(1));
  // gRPC's time to say why.
  EXPECT_FALSE(HasEnded(grpc.ours));
  ASSERT_EQ(send(grpc.ours.get(), "why", 3, 0), 3);
  TickAt(seconds(3));
  EXPECT_TRUE(HasEnded(grpc.ours));
  EXPECT_FALSE(ended);
  grpc.ours = UniqueFd();
  io.poll();
  EXPECT_TRUE(ended);
  EXPECT_EQ(Take(client.ours, 3), "why");
  EXPECT_EQ(refused, "");
}

}  // namespace
}  // namespace tcptool::server
