// Over real sockets; the test is the client, and gRPC.
#include "server/front/front.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "server/front/grpc_pair.h"
#include "tests/server/front/fronts.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

TEST_F(FrontTest, TellsWhoIsBehindAConnection) {
  const UniqueFd client = Connect();
  const UniqueFd grpc = Grpc();
  const Front::Visitor visitor = front.Find(NameOf(grpc));
  ASSERT_NE(visitor.peer, nullptr);
  EXPECT_TRUE(absl::StartsWith(visitor.peer->address, "ipv4:127.0.0.1:"));
  EXPECT_FALSE(visitor.peer->has_certificate);
  EXPECT_FALSE(visitor.trusted);
  front.Trust(NameOf(grpc), kVera);
  EXPECT_TRUE(front.Find(NameOf(grpc)).trusted);
  EXPECT_EQ(front.Find("unix-abstract:x").peer, nullptr);
  // 128 random bits: nobody ever has the same one.
  EXPECT_THAT(
      NameOf(grpc),
      testing::MatchesRegex(
          "unix-abstract:tcptoold-[0-9a-f]{32}-ipv4:127\\.0\\.0\\.1:[0-9]+"));
}

TEST_F(FrontTest, TellsTheAddressOfWhoIsGone) {
  std::string name;
  std::string address;
  {
    const UniqueFd client = Connect();
    const UniqueFd grpc = Grpc();
    name = NameOf(grpc);
    address = front.Find(name).peer->address;
  }
  front.WaitUntilNone(absl::ToChronoNanoseconds(dataplane::kDeadline));
  EXPECT_EQ(front.Find(name).peer, nullptr);
  EXPECT_EQ(AddressIn(name), address);
}

TEST_F(FrontTest, TrustsForAsLongAsTheCredentialsOfOneCallerHold) {
  const UniqueFd client = Connect();
  const UniqueFd grpc = Grpc();
  const UniqueFd stranger = Connect();
  const UniqueFd strangers_grpc = Grpc();
  const std::string name = NameOf(grpc);
  front.Trust(name, kVera);
  front.Trust(name, kOtto);
  front.Trust(name, kVera);
  front.Revoke([](const Caller& caller) { return caller.name != kVera.name; });
  EXPECT_TRUE(front.Find(name).trusted);
  Send(client, "of otto");
  EXPECT_EQ(Receive(grpc, 7), "of otto");
  front.Revoke([](const Caller&) { return false; });
  EXPECT_FALSE(front.Find(name).trusted);
  EXPECT_EQ(WaitForEnd(grpc), 0);
  Send(grpc, "taken away");
  EXPECT_EQ(Receive(client, 10), "taken away");
  // Nobody else's connection ends.
  Send(stranger, kPreface);
  EXPECT_EQ(Receive(strangers_grpc, kPreface.size()), kPreface);
}

TEST(FrontCloseTest, HasALimit) {
  absl::Notification began;
  absl::Notification goes_on;
  std::atomic<int> given = 0;
  Front front("127.0.0.1:9875", nullptr, 2, [&](UniqueFd) {
    ++given;
    began.Notify();
    goes_on.WaitForNotification();
  });
  Tcp first = NewTcp();
  Tcp second = NewTcp();
  front.Take(std::move(first.server));
  began.WaitForNotification();
  front.Take(std::move(second.server));
  std::future<void> closed = std::async(std::launch::async, [&front] {
    front.Close(std::chrono::milliseconds(10));
  });
  EXPECT_EQ(closed.wait_for(absl::ToChronoSeconds(dataplane::kDeadline)),
            std::future_status::ready);
  goes_on.Notify();
  EXPECT_EQ(WaitForEnd(second.client), 0);
  EXPECT_EQ(given, 1);
}

TEST_F(FrontTest, IsAPipeForWhoIsTrusted) {
  const UniqueFd client = Connect();
  const UniqueFd grpc = Grpc();
  Send(client, kPreface + Calls(100));
  EXPECT_EQ(Receive(grpc, kPreface.size()), kPreface);
  EXPECT_EQ(Receive(grpc, StrangerCalls::kMaxOpen * kCallBytes),
            Calls(StrangerCalls::kMaxOpen));
  front.Trust(NameOf(grpc), kVera);
  const size_t rest = (100 - StrangerCalls::kMaxOpen) * kCallBytes;
  EXPECT_EQ(Receive(grpc, rest),
            Calls(100).substr(StrangerCalls::kMaxOpen * kCallBytes));
  // More than there is room for on the way, in both directions at a time.
  const std::string much(8 << 20, 'm');
  std::thread sender([&] { Send(client, much); });
  std::thread answerer([&] { Send(grpc, much); });
  std::thread receiver([&] { EXPECT_EQ(Receive(client, much.size()), much); });
  EXPECT_EQ(Receive(grpc, much.size()), much);
  for (std::thread* thread : {&sender, &answerer, &receiver}) thread->join();
}

TEST_F(FrontTest, EndsWithEitherEnd) {
  {
    const UniqueFd client = Connect();
    UniqueFd grpc = Grpc();
    const std::string name = NameOf(grpc);
    Send(grpc, "last");
    grpc = UniqueFd();
    EXPECT_EQ(Receive(client, 4), "last");
    EXPECT_EQ(WaitForEnd(client), 0);
    front.WaitUntilNone(absl::ToChronoNanoseconds(dataplane::kDeadline));
    EXPECT_EQ(front.Find(name).peer, nullptr);
  }
  UniqueFd client = Connect();
  const UniqueFd grpc = Grpc();
  client = UniqueFd();
  EXPECT_EQ(WaitForEnd(grpc), 0);
  // Until gRPC has ended too.
  EXPECT_NE(front.Find(NameOf(grpc)).peer, nullptr);
}

TEST_F(FrontTest, ResetsAStrangerThatBreaksTheRules) {
  const UniqueFd client = Connect();
  const UniqueFd grpc = Grpc();
  // A CONTINUATION of nothing.
  Send(client, kPreface + std::string("\0\0\0\x09\0\0\0\0\1", 9));
  EXPECT_EQ(WaitForEnd(client), ECONNRESET);
  EXPECT_EQ(WaitForEnd(grpc), 0);
}

TEST_F(FrontTest, ResetsAStrangerThatLeavesItsAnswersUnread) {
  Tcp tcp = NewTcp();
  const int least = 1;
  setsockopt(tcp.client.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
  front.Take(std::move(tcp.server));
  const UniqueFd grpc = Grpc();
  // It is read all the same: gRPC never waits for a stranger.
  const std::string piece(64 << 10, 'a');
  while (send(grpc.get(), piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
    pollfd ended = {.fd = grpc.get(), .events = POLLIN, .revents = 0};
    if (poll(&ended, 1, 0) > 0) break;
  }
  EXPECT_EQ(WaitForEnd(grpc), 0);
  EXPECT_EQ(WaitForEnd(tcp.client), ECONNRESET);
}

TEST_F(FrontTest, EndsWhatHasWaitedTooLong) {
  // A stranger whose call gRPC does not answer,
  const UniqueFd stranger = Connect();
  UniqueFd strangers_grpc = Grpc();
  Send(stranger, kPreface + Calls(1));
  // and a client that reads nothing, after gRPC has ended.
  const UniqueFd client = Connect();
  UniqueFd grpc = Grpc();
  const std::string name = NameOf(grpc);
  front.Trust(name, kVera);
  // Until there is room nowhere on the way, and the front reads no more.
  fcntl(grpc.get(), F_SETFL, O_NONBLOCK);
  const std::string piece(64 << 10, 'a');
  pollfd room = {.fd = grpc.get(), .events = POLLOUT, .revents = 0};
  while (poll(&room, 1, 1000) > 0) {
    send(grpc.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
  }
  grpc = UniqueFd();
  EXPECT_EQ(WaitForEnd(stranger), ECONNRESET);
  EXPECT_EQ(WaitForEnd(strangers_grpc), 0);
  strangers_grpc = UniqueFd();
  front.WaitUntilNone(absl::ToChronoNanoseconds(dataplane::kDeadline));
  EXPECT_EQ(front.Find(name).peer, nullptr);
}

// With a place for each of two hosts.
class TwoPlacesTest : public FrontTest {
 protected:
  TwoPlacesTest() : FrontTest(2) {}

  bool IsAnyGiven() {
    absl::MutexLock lock(&mutex_);
    return !grpcs_.empty();
  }
};

TEST_F(TwoPlacesTest, HasStrangersMakeRoomOnceGrpcHasLetGo) {
  const UniqueFd other = Connect(3);
  const UniqueFd others_grpc = Grpc();
  const UniqueFd first = Connect(2);
  UniqueFd firsts_grpc = Grpc();
  const UniqueFd second = Connect(2);
  EXPECT_EQ(WaitForEnd(first), ECONNRESET);
  EXPECT_EQ(WaitForEnd(firsts_grpc), 0);
  // It waits with a descriptor in place of three, and makes room itself.
  const UniqueFd third = Connect(2);
  EXPECT_EQ(WaitForEnd(second), ECONNRESET);
  EXPECT_FALSE(IsAnyGiven());
  firsts_grpc = UniqueFd();
  const UniqueFd grpc = Grpc();
  Send(third, kPreface);
  EXPECT_EQ(Receive(grpc, kPreface.size()), kPreface);
  // Nobody else has.
  Send(other, kPreface);
  EXPECT_EQ(Receive(others_grpc, kPreface.size()), kPreface);
}

TEST_F(TwoPlacesTest, KeepsThePlaceOfWhoHasNotTakenWhatItWasSent) {
  Tcp tcp = NewTcp(2, true);
  front.Take(std::move(tcp.server));
  UniqueFd grpc = Grpc();
  Send(grpc, std::string(16 << 10, 'a'));
  grpc = UniqueFd();
  front.WaitUntilNone(absl::ToChronoNanoseconds(dataplane::kDeadline));
  // It makes room. Were it read, it would have all.
  const UniqueFd other = Connect(2);
  pollfd reset = {.fd = tcp.client.get(), .events = 0, .revents = 0};
  EXPECT_EQ(poll(&reset, 1, 30'000), 1);
  EXPECT_NE(reset.revents & POLLERR, 0);
  const UniqueFd others_grpc = Grpc();
  Send(other, kPreface);
  EXPECT_EQ(Receive(others_grpc, kPreface.size()), kPreface);
}

TEST_F(TwoPlacesTest, KeepsWhoIsTrusted) {
  const UniqueFd client = Connect(2);
  const UniqueFd grpc = Grpc();
  front.Trust(NameOf(grpc), kVera);
  const UniqueFd more = Connect(2);
  EXPECT_EQ(WaitForEnd(more), ECONNRESET);
  const UniqueFd other = Connect(3);
  const UniqueFd others_grpc = Grpc();
  front.Trust(NameOf(others_grpc), kOtto);
  const UniqueFd late = Connect(4);
  EXPECT_EQ(WaitForEnd(late), ECONNRESET);
  Send(client, "goes on");
  EXPECT_EQ(Receive(grpc, 7), "goes on");
}

TEST_F(FrontTest, BoundsTheCallsOfAllStrangersTogether) {
  constexpr size_t kFull = Front::kStrangerSlots / StrangerCalls::kMaxOpen;
  std::vector<UniqueFd> clients;
  std::vector<UniqueFd> grpcs;
  for (size_t i = 0; i < kFull; ++i) {
    clients.push_back(Connect());
    grpcs.push_back(Grpc());
    Send(clients.back(), kPreface + Calls(StrangerCalls::kMaxOpen));
    EXPECT_EQ(Receive(grpcs.back(),
                      kPreface.size() + StrangerCalls::kMaxOpen * kCallBytes),
              kPreface + Calls(StrangerCalls::kMaxOpen));
  }
  const UniqueFd late = Connect();
  const UniqueFd late_grpc = Grpc();
  Send(late, kPreface + Calls(1));
  EXPECT_EQ(Receive(late_grpc, kPreface.size()), kPreface);
  pollfd quiet = {.fd = late_grpc.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&quiet, 1, 100), 0);
  // gRPC answers one of the others, but the service has the call still.
  std::shared_ptr<void> count = front.CountCall();
  Send(grpcs[0], std::string({0, 0, 0, Http2Frame::kHeaders,
                              Http2Frame::kEndHeaders, 0, 0, 0, 1}));
  EXPECT_EQ(Receive(clients[0], 9).size(), 9);
  EXPECT_EQ(poll(&quiet, 1, 100), 0);
  count = nullptr;
  EXPECT_EQ(Receive(late_grpc, kCallBytes), Calls(1));
}

}  // namespace
}  // namespace tcptool::server
