#include "dataplane/sending/fanout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/dataplane/faults.h"
#include "tests/dataplane/sending/one_fanout.h"

namespace tcptool::dataplane {
namespace {

using testing::ElementsAre;

constexpr size_t kSmall = 5'000;
constexpr size_t kLarge = 24'000'001;  // More than any socket's buffers hold.

TEST(FanoutTest, ServesThoseAdmittedBeforeAndAfterItBegins) {
  const std::string content = Content(kLarge);
  OneFanout fanout(FileOf(content));
  auto early = fanout.AddReady(1);
  auto late = fanout.AddReady(2);
  fanout.Serve({1});
  EXPECT_TRUE(early->ReadAndClose().data == content);
  fanout.Call([&] { fanout->Admit(2); });
  EXPECT_TRUE(late->ReadAndClose().data == content);
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kDelivered));
  EXPECT_TRUE(fanout.WaitFor(2, RecipientState::kDelivered));
  EXPECT_EQ(fanout.status(2).bytes_acked, kLarge);
}

TEST(FanoutTest, SendsNothingToThoseWhoAreNotAdmitted) {
  OneFanout fanout(FileOf(Content(kSmall)));
  auto admitted = fanout.AddReady(1);
  auto waiting = fanout.AddReady(2);
  fanout.Serve({1});
  EXPECT_EQ(admitted->ReadAndClose().data.size(), kSmall);
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kDelivered));
  char byte;
  EXPECT_EQ(recv(waiting->fd(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_THAT(fanout.states(2), ElementsAre(RecipientState::kReady));
}

TEST(FanoutTest, WhoReadsNothingHoldsUpNobody) {
  OneFanout fanout(FileOf(Content(kLarge)));
  auto idle = fanout.AddReady(1);
  auto reading = fanout.AddReady(2);
  fanout.Serve({1, 2});
  EXPECT_EQ(reading->ReadAndClose().data.size(), kLarge);
  EXPECT_TRUE(fanout.WaitFor(2, RecipientState::kDelivered));
  EXPECT_EQ(fanout.states(1).back(), RecipientState::kTransferring);
}

TEST(FanoutTest, ReportsEachStateInItsOrder) {
  OneFanout fanout(FileOf(Content(kLarge)));
  auto peer = fanout.AddReady(1);
  fanout.Serve({1});
  EXPECT_EQ(peer->Read().data.size(), kLarge);
  // Its end has come, and it has not closed.
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kConfirming));
  peer->Close();
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kDelivered));
  EXPECT_THAT(
      fanout.states(1),
      ElementsAre(RecipientState::kReady, RecipientState::kTransferring,
                  RecipientState::kConfirming, RecipientState::kDelivered));
}

TEST(FanoutTest, SourceThatCannotBeReadIsReported) {
  const auto file = std::make_shared<FaultyFile>(
      RandomAccessFile::FromDescriptor(MemoryFile(Content(kSmall)).release()),
      FileFault{.error = -EIO, .first = 0, .count = 1000});
  OneFanout fanout(*FileSource::Create(file, 0, std::nullopt));
  auto peer = fanout.AddReady(1);
  fanout.Serve({1});
  EXPECT_TRUE(fanout.WaitForSourceError());
  // What becomes of its recipients is the session's decision.
  EXPECT_EQ(fanout.states(1).back(), RecipientState::kTransferring);
  fanout.Call([&] { fanout->CloseAll(Reason::kSourceFailed, "it is gone"); });
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kFailed));
  EXPECT_EQ(fanout.status(1).detail, "it is gone");
}

// Who was sent what is not the content leaves, and may never come again.
TEST(FanoutTest, ChangeOfTheFileIsReportedWhenWhoWasSentToHasLeft) {
  const std::string before(kLarge, 'O');
  const UniqueFd file = DiskFile(before);
  OneFanout fanout(*FileSource::Create(
      RandomAccessFile::FromDescriptor(dup(file.get())), 0, std::nullopt));
  auto peer = fanout.AddReady(1, 65'536);
  fanout.Serve({1});
  ASSERT_EQ(peer->Read(1000).data.size(), 1000u);
  const std::string after(kLarge, 'N');
  ASSERT_EQ(pwrite(file.get(), after.data(), kLarge, 0),
            static_cast<ssize_t>(kLarge));
  peer->Reset();
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kFailed));
  EXPECT_TRUE(fanout.WaitForSourceError());
}

TEST(FanoutTest, WhoLeavesAFileThatIsTheSameConcernsNobodyElse) {
  const std::string content = Content(kLarge);
  OneFanout fanout(FileOf(content));
  std::vector<std::unique_ptr<Peer>> leaving;
  for (uint64_t id = 2; id < 6; ++id) leaving.push_back(fanout.AddReady(id));
  auto peer = fanout.AddReady(1);
  fanout.Serve({1, 2, 3, 4, 5});
  for (const auto& one : leaving) {
    ASSERT_EQ(one->Read(1000).data.size(), 1000u);
    one->Reset();
  }
  EXPECT_TRUE(peer->ReadAndClose().data == content);
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kDelivered));
}

TEST(FanoutTest, OneIsClosedAndTheOthersGoOn) {
  OneFanout fanout(FileOf(Content(kLarge)));
  auto dropped = fanout.AddReady(1);
  auto reading = fanout.AddReady(2);
  fanout.Call([&] {
    fanout->Admit(1);
    fanout->Admit(2);
    fanout->Begin();
    fanout->Close(1, RecipientState::kDropped, Reason::kNone, "");
    fanout->Close(7, RecipientState::kDropped, Reason::kNone, "");
  });
  EXPECT_EQ(dropped->Read().error, ECONNRESET);
  EXPECT_EQ(reading->ReadAndClose().data.size(), kLarge);
  EXPECT_TRUE(fanout.WaitFor(2, RecipientState::kDelivered));
  EXPECT_EQ(fanout.states(1).back(), RecipientState::kDropped);
}

TEST(FanoutTest, WhoHasEverythingIsLeftAloneWhenTheSourceFails) {
  OneFanout fanout(FileOf(Content(kLarge)));
  auto served = fanout.AddReady(1);
  auto idle = fanout.AddReady(2);
  fanout.Serve({1, 2});
  EXPECT_EQ(served->Read().data.size(), kLarge);
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kConfirming));
  fanout.Call(
      [&] { fanout->CloseUnserved(Reason::kSourceFailed, "it is gone"); });
  EXPECT_EQ(idle->Read().error, ECONNRESET);
  EXPECT_TRUE(fanout.WaitFor(2, RecipientState::kFailed));
  served->Close();
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kDelivered));
}

// By whether sendfile(2) sends the content, or copies are sent.
class FanoutMemoryTest : public testing::TestWithParam<bool> {};

TEST_P(FanoutMemoryTest, WhoReadsNothingCostsLittle) {
  FaultySockets sockets({.call = Call::kSendFile},
                        /*stays_in_host=*/!GetParam());
  const auto file =
      RandomAccessFile::FromDescriptor(DiskFile(Content(kLarge)).release());
  if (GetParam() && !file->Cached(0, kLarge)) {
    GTEST_SKIP() << "this file system does not say what is in memory";
  }
  OneFanout fanout(*FileSource::Create(file, 0, std::nullopt), {}, sockets);
  auto idle = fanout.AddReady(1);
  auto reading = fanout.AddReady(2);
  fanout.Serve({1, 2});
  EXPECT_EQ(reading->ReadAndClose().data.size(), kLarge);
  EXPECT_TRUE(fanout.WaitFor(2, RecipientState::kDelivered));
  fanout.Call([&] { fanout->CloseAll(Reason::kServiceStopped, ""); });
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kFailed));
  // Its own receive buffer's part included.
  EXPECT_LT(fanout.status(1).bytes_sent, size_t{GetParam() ? 2u : 1u} << 20);
  EXPECT_EQ(sockets.calls() > 0, GetParam());
}

INSTANTIATE_TEST_SUITE_P(SendFile, FanoutMemoryTest, testing::Bool());

TEST(FanoutTest, TrickleIsAStall) {
  Limits limits;
  limits.stall_timeout = absl::Milliseconds(500);
  OneFanout fanout(FileOf(Content(kLarge)), limits);
  auto peer = fanout.AddReady(1, /*receive_buffer=*/4096);
  fanout.Serve({1});
  // 20 KB a second.
  char buffer[1000];
  while (recv(peer->fd(), buffer, sizeof buffer, 0) > 0) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kFailed));
  EXPECT_EQ(fanout.status(1).reason, Reason::kStalled);
}

// Limits the session in the middle of a turn, as another thread may.
class LimitingSockets : public SocketApi {
 public:
  ssize_t Send(int socket, std::span<const std::byte> data) override {
    const ssize_t sent = SocketApi::Send(socket, data);
    if (!budget->limited()) budget->SetRate(kRate, Clock::now());
    return sent;
  }
  // So many bytes a second that none of a turn could be made up for.
  static constexpr uint64_t kRate = 50;
  TokenBucket* budget = nullptr;
};

TEST(FanoutTest, RateIsNotOwedForTheTurnInWhichItComes) {
  LimitingSockets sockets;
  OneFanout fanout(FileOf(Content(kLarge)), {}, sockets);
  sockets.budget = &fanout.budget();
  auto peer = fanout.AddReady(1);
  fanout.Serve({1});
  const size_t first_turn = TurnPlan::kFirstPiece;
  EXPECT_EQ(peer->Read(first_turn + 1).data.size(), first_turn + 1);
}

// Counts what a connection is asked for.
class CountingSockets : public SocketApi {
 public:
  int Unacknowledged(int socket) override {
    ++calls;
    return SocketApi::Unacknowledged(socket);
  }
  int TakeError(int socket) override {
    ++calls;
    return SocketApi::TakeError(socket);
  }
  int Info(int socket, TcpInfo* info) override {
    ++calls;
    return SocketApi::Info(socket, info);
  }
  std::atomic<int> calls{0};
};

TEST(FanoutTest, WhoDoesNotCloseIsWaitedForAndNotPolled) {
  CountingSockets sockets;
  Limits limits;
  limits.handshake_timeout = absl::Milliseconds(700);
  OneFanout fanout(FileOf(Content(kSmall)), limits, sockets);
  auto peer = fanout.AddReady(1);
  fanout.Serve({1});
  EXPECT_EQ(peer->Read().data.size(), kSmall);  // The end has come.
  // One after the other, silent peers time out: that is how time passes here.
  // In the first's the last measurement may be made.
  const auto first = fanout.Add(2);
  EXPECT_TRUE(fanout.WaitFor(2, RecipientState::kFailed));
  const int before = sockets.calls;
  const auto second = fanout.Add(3);
  EXPECT_TRUE(fanout.WaitFor(3, RecipientState::kFailed));
  EXPECT_EQ(sockets.calls, before);
  EXPECT_EQ(fanout.states(1).back(), RecipientState::kConfirming);
  peer->Close();
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kDelivered));
}

// An expected recipient that was lost comes again under its id.
TEST(FanoutTest, IdIsUsedAgain) {
  OneFanout fanout(FileOf(Content(kSmall)));
  fanout.Call([&] { fanout->Begin(); });
  fanout.AddReady(1)->Reset();
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kFailed));
  auto again = fanout.Add(1);
  again->Say(0);
  EXPECT_TRUE(Eventually(
      [&] { return fanout.states(1).back() == RecipientState::kReady; }));
  fanout.Call([&] { fanout->Admit(1); });
  EXPECT_EQ(again->ReadAndClose().data.size(), kSmall);
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kDelivered));
}

}  // namespace
}  // namespace tcptool::dataplane
