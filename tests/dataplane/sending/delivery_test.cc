// The proof of delivery, against real sockets and a clock of the test's.
#include "dataplane/sending/delivery.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/dataplane/sending/deliveries.h"

namespace tcptool::dataplane {
namespace {

using std::chrono::milliseconds;
using Outcome = Delivery::Outcome;

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
