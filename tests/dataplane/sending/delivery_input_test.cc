// What a peer says beside its byte: its end may be behind it.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "dataplane/sending/delivery.h"
#include "tests/dataplane/sending/deliveries.h"

namespace tcptool::dataplane {
namespace {

using std::chrono::milliseconds;
using Outcome = Delivery::Outcome;
using DeliveryInputTest = DeliveryTest;

// Our receive buffer is full of what the peer has said before its end, which so
// stays in its kernel.
TEST_F(DeliveryInputTest, EndBehindInputThatHasNoRoomIsEarly) {
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

TEST_F(DeliveryInputTest, WhoIsSilentAfterItsInputGetsTheEnd) {
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
TEST_F(DeliveryInputTest, EndBehindInputThatComesSlowlyIsEarly) {
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
TEST_F(DeliveryInputTest, WhoSendsDataAgainIsNotSilent) {
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

TEST_F(DeliveryInputTest, ShortLimitIsNoneForASilence) {
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
TEST_F(DeliveryInputTest, WhoSendsForEverIsUnconfirmed) {
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
TEST_F(DeliveryInputTest, WhoSendsNowAndThenIsNotUnconfirmed) {
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

}  // namespace
}  // namespace tcptool::dataplane
