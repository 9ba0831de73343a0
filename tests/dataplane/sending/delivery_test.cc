// The proof of delivery, against real sockets and a clock of the test's.
#include "dataplane/sending/delivery.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/dataplane/faults.h"
#include "tests/dataplane/sending/connection.h"
#include "tests/dataplane/sending/send_window.h"

namespace tcptool::dataplane {
namespace {

using std::chrono::milliseconds;
using Outcome = Delivery::Outcome;

constexpr size_t kSmall = 5'000;
const Clock::time_point kStart = Clock::now();

// The peer's kernel sends data again that we have.
class SegmentsAgain : public SocketApi {
 public:
  int Info(int socket, TcpInfo* info) override {
    const int result = SocketApi::Info(socket, info);
    info->data_segments_in += more_;
    return result;
  }
  void Add() { ++more_; }

 private:
  uint32_t more_ = 0;
};

class DeliveryTest : public testing::Test {
 protected:
  // `receive_buffer`: the peer's; `sender_receive_buffer`: ours.
  void Open(int receive_buffer = 0, int sender_receive_buffer = 0) {
    connection_ = Connect(receive_buffer, sender_receive_buffer);
    peer().Say(0);
    EXPECT_TRUE(Eventually([&] { return Unread(sender()) == 1; }));
    delivery_.emplace(sockets_, sender(), limits_, ready_);
  }
  // Content that fits into the peer's receive buffer, and is acknowledged.
  void SendSmall() {
    const std::string content = Content(kSmall);
    ASSERT_EQ(send(sender(), content.data(), content.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(kSmall));
    AwaitAcknowledged();
  }
  // Content that does not; answers how much.
  size_t SendMoreThanThePeerHolds() {
    const std::string content = Content(100'000);
    size_t sent = 0;
    while (sent < 1'000'000) {
      const ssize_t got = send(sender(), content.data(), content.size(),
                               MSG_NOSIGNAL | MSG_DONTWAIT);
      if (got <= 0) break;
      sent += got;
    }
    return sent;
  }
  // As much as the peer's window has room for, which is closed then.
  void SendUntilTheWindowIsClosed() {
    const std::string content = Content(100'000);
    while (const size_t window = SendWindow(sender())) {
      const size_t size = std::min(window, content.size());
      ASSERT_EQ(send(sender(), content.data(), size, MSG_NOSIGNAL),
                static_cast<ssize_t>(size));
      AwaitAcknowledged();
    }
  }
  void AwaitAcknowledged() {
    ASSERT_TRUE(Eventually(
        [&] { return SocketApi::Real().Unacknowledged(sender()) == 0; }));
  }
  void AwaitState(int state) {
    ASSERT_TRUE(Eventually([&] { return TcpState(sender()) == state; }));
  }
  // Input that we have when this returns.
  void Say(std::string_view input) {
    const int before = Unread(sender());
    const int size = static_cast<int>(input.size());
    ASSERT_EQ(send(peer().fd(), input.data(), input.size(), 0), size);
    ASSERT_TRUE(Eventually([&] { return Unread(sender()) == before + size; }));
  }
  static int Unread(int socket) {
    int bytes = 0;
    ioctl(socket, FIONREAD, &bytes);
    return bytes;
  }

  int sender() { return connection_.sender.get(); }
  Peer& peer() { return *connection_.peer; }
  Delivery& delivery() { return *delivery_; }

  Limits limits_;
  SegmentsAgain sockets_;
  Clock::time_point ready_ = kStart - Delivery::kGrace;

 private:
  Connection connection_;
  std::optional<Delivery> delivery_;
};

TEST_F(DeliveryTest, WhoReadsAllAndClosesIsDelivered) {
  Open();
  SendSmall();
  ASSERT_EQ(delivery().Check(kStart), Outcome::kMayEnd);
  ASSERT_EQ(delivery().End(kStart), Outcome::kPending);
  EXPECT_EQ(peer().ReadAndClose().data.size(), kSmall);
  EXPECT_TRUE(Eventually(
      [&] { return delivery().Check(kStart) == Outcome::kDelivered; }));
}

TEST_F(DeliveryTest, EndIsHeldBackUntilAllIsAcknowledged) {
  Open(/*receive_buffer=*/4096);
  const size_t sent = SendMoreThanThePeerHolds();
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  EXPECT_GT(delivery().unacknowledged(), 0);
  EXPECT_FALSE(delivery().acknowledged());
  EXPECT_EQ(TcpState(sender()), TCP_ESTABLISHED);
  EXPECT_EQ(peer().Read(sent).data.size(), sent);
  AwaitAcknowledged();
  EXPECT_EQ(delivery().Check(kStart), Outcome::kMayEnd);
}

// While there is content to come, the unread byte makes the kernel reset the
// connection of a process that is killed.
TEST_F(DeliveryTest, HandshakeByteIsReadWhenAllIsAcknowledged) {
  Open(/*receive_buffer=*/4096);
  const size_t sent = SendMoreThanThePeerHolds();
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  EXPECT_EQ(Unread(sender()), 1);
  EXPECT_EQ(peer().Read(sent).data.size(), sent);
  AwaitAcknowledged();
  // The byte is no sign that the peer may have more to say.
  ASSERT_EQ(delivery().Check(kStart), Outcome::kMayEnd);
  EXPECT_EQ(Unread(sender()), 0);
}

TEST_F(DeliveryTest, WhoHalfClosedEarlyIsDeliveredAfterAGrace) {
  Open();
  peer().HalfClose();
  SendSmall();
  AwaitState(TCP_CLOSE_WAIT);
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  EXPECT_EQ(delivery().next_check(), kStart + Delivery::kGrace);
  EXPECT_EQ(delivery().Check(kStart + Delivery::kGrace - milliseconds(1)),
            Outcome::kPending);
  ASSERT_EQ(delivery().Check(kStart + Delivery::kGrace), Outcome::kMayEnd);
  delivery().End(kStart);
  EXPECT_TRUE(Eventually(
      [&] { return delivery().Check(kStart) == Outcome::kDelivered; }));
  const Peer::Result result = peer().ReadAndClose();
  EXPECT_EQ(result.data.size(), kSmall);
  EXPECT_EQ(result.error, 0);
}

// It has acknowledged everything, and read nothing of it.
TEST_F(DeliveryTest, WhoHalfClosedEarlyAndIsKilledIsLost) {
  Open();
  peer().HalfClose();
  SendSmall();
  AwaitState(TCP_CLOSE_WAIT);
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  peer().Close();  // With unread input.
  AwaitState(TCP_CLOSE);
  EXPECT_EQ(delivery().Check(kStart + Delivery::kGrace), Outcome::kLost);
  EXPECT_NE(delivery().error(), 0);
}

// Small content is acknowledged before the half-close that follows the byte.
TEST_F(DeliveryTest, HalfCloseRightBehindTheByteIsEarly) {
  ready_ = kStart;
  Open();
  SendSmall();
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  EXPECT_EQ(delivery().next_check(), kStart + Delivery::kGrace);
  peer().HalfClose();
  AwaitState(TCP_CLOSE_WAIT);
  peer().Close();  // With unread input.
  AwaitState(TCP_CLOSE);
  EXPECT_EQ(delivery().Check(kStart + Delivery::kGrace), Outcome::kLost);
}

TEST_F(DeliveryTest, EndDoesNotComeRightBehindTheByte) {
  ready_ = kStart;
  Open();
  SendSmall();
  EXPECT_EQ(delivery().Check(kStart), Outcome::kPending);
  EXPECT_EQ(delivery().Check(kStart + Delivery::kGrace), Outcome::kMayEnd);
}

// Whether the content is the file's is looked up between the two checks.
TEST_F(DeliveryTest, HalfCloseBeforeTheEndIsSentIsEarly) {
  constexpr auto kLook = std::chrono::seconds(1);
  Open();
  SendSmall();
  ASSERT_EQ(delivery().Check(kStart), Outcome::kMayEnd);
  peer().HalfClose();
  AwaitState(TCP_CLOSE_WAIT);
  ASSERT_EQ(delivery().Check(kStart + kLook), Outcome::kPending);
  EXPECT_EQ(delivery().next_check(), kStart + kLook + Delivery::kGrace);
  peer().Close();  // With unread input.
  AwaitState(TCP_CLOSE);
  EXPECT_EQ(delivery().Check(kStart + kLook + Delivery::kGrace),
            Outcome::kLost);
}

// Not at the start, but before it had acknowledged the content.
TEST_F(DeliveryTest, EndThatComesBeforeAllIsAcknowledgedIsEarly) {
  Open(/*receive_buffer=*/4096);
  const size_t sent = SendMoreThanThePeerHolds();
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  peer().HalfClose();
  AwaitState(TCP_CLOSE_WAIT);
  // All but what its buffer holds: that is acknowledged, and not read.
  ASSERT_GT(sent, 10'000u);
  size_t read = 0;
  char byte;
  while (SocketApi::Real().Unacknowledged(sender()) > 0) {
    ASSERT_EQ(recv(peer().fd(), &byte, 1, 0), 1);
    ++read;
  }
  ASSERT_LT(read, sent);
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  peer().Close();
  AwaitState(TCP_CLOSE);
  EXPECT_EQ(delivery().Check(kStart + Delivery::kGrace), Outcome::kLost);
}

// Our receive buffer is full of what the peer has said before its end, which so
// stays in its kernel.
TEST_F(DeliveryTest, EndBehindInputThatHasNoRoomIsEarly) {
  Open(/*receive_buffer=*/0, /*sender_receive_buffer=*/4096);
  const std::string input(60'000, 'j');
  ASSERT_EQ(send(peer().fd(), input.data(), input.size(), MSG_DONTWAIT),
            static_cast<ssize_t>(input.size()));
  peer().HalfClose();
  SendSmall();
  ASSERT_EQ(TcpState(sender()), TCP_ESTABLISHED);
  EXPECT_TRUE(Eventually([&] {
    EXPECT_EQ(delivery().Check(kStart), Outcome::kPending);
    return TcpState(sender()) == TCP_CLOSE_WAIT || testing::Test::HasFailure();
  }));
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  EXPECT_EQ(delivery().next_check(), kStart + Delivery::kGrace);
  peer().Close();  // With unread input.
  AwaitState(TCP_CLOSE);
  EXPECT_EQ(delivery().Check(kStart + Delivery::kGrace), Outcome::kLost);
}

TEST_F(DeliveryTest, WhoIsSilentAfterItsInputGetsTheEnd) {
  Open();
  SendSmall();
  Say("more");
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  // A round trip may be needed for what the peer's kernel had to hold back.
  const Clock::time_point silent = delivery().next_check();
  EXPECT_GT(silent, kStart + Delivery::kSilence);
  EXPECT_LT(silent, kStart + Delivery::kSilence + std::chrono::seconds(5));
  Say("more");
  ASSERT_EQ(delivery().Check(silent), Outcome::kPending);
  EXPECT_GT(delivery().next_check(), silent + Delivery::kSilence);
  EXPECT_EQ(delivery().Check(delivery().next_check()), Outcome::kMayEnd);
}

// A slow link brings what it has said in packets that are far apart.
TEST_F(DeliveryTest, EndBehindInputThatComesSlowlyIsEarly) {
  constexpr auto kGap = milliseconds(750);  // 1,500 bytes at 16 kbit/s.
  Open();
  SendSmall();
  Clock::time_point now = kStart;
  for (int packet = 0; packet < 5; ++packet) {
    Say("j");
    ASSERT_EQ(delivery().Check(now), Outcome::kPending);
    ASSERT_EQ(delivery().Check(now + kGap - milliseconds(1)),
              Outcome::kPending);
    now += kGap;
  }
  peer().HalfClose();
  AwaitState(TCP_CLOSE_WAIT);
  ASSERT_EQ(delivery().Check(now), Outcome::kPending);
  peer().Close();  // With unread input.
  AwaitState(TCP_CLOSE);
  EXPECT_EQ(delivery().Check(now + Delivery::kGrace), Outcome::kLost);
}

// It takes them for lost, and its link has to carry them before what is new.
TEST_F(DeliveryTest, WhoSendsDataAgainIsNotSilent) {
  Open();
  SendSmall();
  Say("more");
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  Clock::time_point now = delivery().next_check();
  for (int segment = 0; segment < 3; ++segment) {
    sockets_.Add();
    ASSERT_EQ(delivery().Check(now), Outcome::kPending);
    EXPECT_GE(delivery().next_check(), now + Delivery::kSilence);
    now = delivery().next_check();
  }
  EXPECT_EQ(delivery().Check(now), Outcome::kMayEnd);
}

TEST_F(DeliveryTest, ShortLimitIsNoneForASilence) {
  limits_.confirm_timeout = absl::Milliseconds(100);
  Open();
  SendSmall();
  Say("more");
  ASSERT_EQ(delivery().Check(kStart), Outcome::kPending);
  Say("more");
  ASSERT_EQ(delivery().Check(kStart + milliseconds(300)), Outcome::kPending);
  EXPECT_EQ(delivery().Check(delivery().next_check()), Outcome::kMayEnd);
}

// Its end may be behind what it sends, or not: it is not DELIVERED, and does
// not keep its place.
TEST_F(DeliveryTest, WhoSendsForEverIsUnconfirmed) {
  limits_.confirm_timeout = absl::Seconds(2);
  Open();
  SendSmall();
  Clock::time_point now = kStart;
  for (; now < kStart + std::chrono::seconds(2); now += milliseconds(50)) {
    Say("!");
    ASSERT_EQ(delivery().Check(now), Outcome::kPending);
  }
  Say("!");
  EXPECT_EQ(delivery().Check(now), Outcome::kUnconfirmed);
  EXPECT_FALSE(delivery().ended());
}

// The time counts from when it was silent last.
TEST_F(DeliveryTest, WhoSendsNowAndThenIsNotUnconfirmed) {
  limits_.confirm_timeout = absl::Seconds(2);
  Open();
  SendSmall();
  Clock::time_point now = kStart;
  for (; now < kStart + std::chrono::seconds(5);
       now = delivery().next_check()) {
    Say("!");
    ASSERT_EQ(delivery().Check(now), Outcome::kPending);
    ASSERT_EQ(delivery().Check(delivery().next_check()), Outcome::kMayEnd);
  }
}

TEST_F(DeliveryTest, ResetAfterTheEndIsSeen) {
  Open();
  SendSmall();
  ASSERT_EQ(delivery().Check(kStart), Outcome::kMayEnd);
  ASSERT_EQ(delivery().End(kStart), Outcome::kPending);
  peer().Close();  // With unread input.
  AwaitState(TCP_CLOSE);
  EXPECT_EQ(delivery().Check(kStart), Outcome::kLost);
}

TEST_F(DeliveryTest, WhoAcknowledgesNothingIsUnconfirmed) {
  limits_.acknowledge_timeout = absl::Seconds(30);
  limits_.confirm_timeout = absl::Seconds(1);  // Does not count.
  Open(/*receive_buffer=*/4096);
  SendMoreThanThePeerHolds();
  EXPECT_EQ(delivery().Check(kStart), Outcome::kPending);
  EXPECT_EQ(delivery().Check(kStart + milliseconds(29'999)), Outcome::kPending);
  EXPECT_EQ(delivery().next_check(), kStart + milliseconds(30'000));
  EXPECT_EQ(delivery().Check(kStart + milliseconds(30'000)),
            Outcome::kUnconfirmed);
  EXPECT_GT(delivery().unacknowledged(), 0);
}

TEST_F(DeliveryTest, WhoDoesNotCloseIsUnconfirmed) {
  limits_.acknowledge_timeout = absl::Seconds(1);  // Does not count.
  limits_.confirm_timeout = absl::Minutes(5);
  Open();
  SendSmall();
  ASSERT_EQ(delivery().Check(kStart), Outcome::kMayEnd);
  delivery().End(kStart);
  AwaitAcknowledged();
  EXPECT_EQ(delivery().Check(kStart), Outcome::kPending);
  EXPECT_EQ(delivery().next_check(), kStart + std::chrono::minutes(5));
  EXPECT_EQ(delivery().Check(kStart + milliseconds(299'999)),
            Outcome::kPending);
  EXPECT_EQ(delivery().Check(kStart + std::chrono::minutes(5)),
            Outcome::kUnconfirmed);
  EXPECT_EQ(delivery().unacknowledged(), 0);
}

// It has paused, with its receive buffer full to the last byte: our FIN cannot
// leave.
TEST_F(DeliveryTest, EndThatHasNoRoomMayTakeAsLongAsAClose) {
  limits_.acknowledge_timeout = absl::Seconds(1);  // Does not count.
  limits_.confirm_timeout = absl::Minutes(5);
  Open(/*receive_buffer=*/4096);
  SendUntilTheWindowIsClosed();
  ASSERT_EQ(delivery().Check(kStart), Outcome::kMayEnd);
  ASSERT_EQ(delivery().End(kStart), Outcome::kPending);
  EXPECT_EQ(delivery().unacknowledged(), 1);
  EXPECT_FALSE(delivery().acknowledged());
  EXPECT_EQ(delivery().Check(kStart + milliseconds(299'999)),
            Outcome::kPending);
  EXPECT_EQ(delivery().next_check(), kStart + std::chrono::minutes(5));
  EXPECT_EQ(delivery().Check(kStart + std::chrono::minutes(5)),
            Outcome::kUnconfirmed);
}

TEST_F(DeliveryTest, EndThatHadNoRoomIsSentWhenThePeerReads) {
  limits_.acknowledge_timeout = absl::Seconds(1);
  Open(/*receive_buffer=*/4096);
  SendUntilTheWindowIsClosed();
  ASSERT_EQ(delivery().Check(kStart), Outcome::kMayEnd);
  ASSERT_EQ(delivery().End(kStart), Outcome::kPending);
  const Clock::time_point later = kStart + std::chrono::seconds(100);
  ASSERT_EQ(delivery().Check(later), Outcome::kPending);
  EXPECT_EQ(peer().ReadAndClose().error, 0);
  EXPECT_TRUE(Eventually(
      [&] { return delivery().Check(later) == Outcome::kDelivered; }));
}

TEST_F(DeliveryTest, WhoAcknowledgesNothingIsAskedMoreAndMoreSeldom) {
  Open(/*receive_buffer=*/4096);
  SendMoreThanThePeerHolds();
  Clock::time_point now = kStart;
  int questions = 0;
  while (delivery().Check(now) == Outcome::kPending) {
    ASSERT_GT(delivery().next_check(), now);
    now = delivery().next_check();
    ++questions;
  }
  EXPECT_EQ(now, kStart + std::chrono::seconds(30));
  EXPECT_LT(questions, 60);
}

}  // namespace
}  // namespace tcptool::dataplane
