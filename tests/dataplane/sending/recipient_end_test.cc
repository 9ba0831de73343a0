// The end of a recipient: who gets the orderly one, and who a reset.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/dataplane/sending/one_recipient.h"

namespace tcptool::dataplane {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr size_t kSmall = 5'000;

// One that has been sent everything.
class RecipientEndTest : public testing::Test {
 protected:
  void Serve(const Limits& limits = {}) {
    one_.emplace(limits);
    one_->Begin(FileOf(content_));
    EXPECT_EQ(one_->SendAll(), Recipient::Wait::kForever);
    EXPECT_TRUE(one_->peer->Read(kSmall).data == content_);
  }
  RecordingOwner& owner() { return one_->owner; }
  Peer& peer() { return *one_->peer; }
  // Whether its peer has been given an end, or anything else, to read.
  bool HasEnd() {
    char byte;
    return recv(peer().fd(), &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN;
  }

  const std::string content_ = Content(kSmall);
  std::optional<OneRecipient> one_;
};

TEST_F(RecipientEndTest, EndComesWhenTheContentIsVerifiedAndNotBefore) {
  Serve();
  ASSERT_TRUE(owner().AwaitVerify(1));
  EXPECT_FALSE(HasEnd());
  EXPECT_EQ(owner().status().state, RecipientState::kConfirming);
  one_->Verified(absl::OkStatus());
  EXPECT_EQ(peer().ReadAndClose().error, 0);
  ASSERT_TRUE(owner().AwaitState(RecipientState::kDelivered));
  EXPECT_EQ(owner().status().reason, Reason::kNone);
  EXPECT_EQ(owner().status().bytes_acked, kSmall);
  EXPECT_EQ(owner().times_asked(), 1u);
  EXPECT_THAT(
      owner().states(),
      ElementsAre(RecipientState::kReady, RecipientState::kTransferring,
                  RecipientState::kConfirming, RecipientState::kDelivered));
}

TEST_F(RecipientEndTest, ContentThatHasChangedGetsNoEnd) {
  Serve();
  ASSERT_TRUE(owner().AwaitVerify(1));
  const absl::Status changed = absl::DataLossError("the file has changed");
  one_->Verified(changed);
  EXPECT_EQ(peer().Read().error, ECONNRESET);
  EXPECT_EQ(owner().status().state, RecipientState::kFailed);
  EXPECT_EQ(owner().status().reason, Reason::kSourceFailed);
  EXPECT_EQ(owner().status().detail, "the file has changed");
  EXPECT_EQ(owner().source_error(), changed);
}

TEST_F(RecipientEndTest, WhetherItIsTheContentIsNotWaitedForForever) {
  Serve({.disk_timeout = absl::Milliseconds(50)});
  EXPECT_EQ(peer().Read().error, ECONNRESET);
  ASSERT_TRUE(owner().AwaitState(RecipientState::kFailed));
  EXPECT_EQ(owner().status().reason, Reason::kSourceFailed);
  one_->Call([] {});  // It has told the owner.
  EXPECT_THAT(owner().source_error().message(), HasSubstr("for 50ms"));
  // The disk's answer comes too late.
  one_->Verified(absl::OkStatus());
  EXPECT_EQ(owner().status().reason, Reason::kSourceFailed);
}

TEST_F(RecipientEndTest, WhoIsResetWhileTheContentIsVerifiedIsLost) {
  Serve();
  ASSERT_TRUE(owner().AwaitVerify(1));
  peer().Reset();
  ASSERT_TRUE(owner().AwaitState(RecipientState::kFailed));
  EXPECT_EQ(owner().status().reason, Reason::kConnectionLost);
}

TEST_F(RecipientEndTest, ResetBehindUrgentDataIsSeenWhileItIsVerified) {
  Serve();
  ASSERT_TRUE(owner().AwaitVerify(1));
  ASSERT_EQ(send(peer().fd(), "!", 1, MSG_OOB), 1);
  ASSERT_TRUE(Eventually([&] {
    return one_->Call([&] {
      char byte;
      return recv(one_->socket(), &byte, 1, MSG_OOB | MSG_PEEK) < 0 &&
             errno == EINVAL;
    });
  })) << "it was not taken";
  EXPECT_EQ(owner().status().state, RecipientState::kConfirming);
  peer().Reset();
  ASSERT_TRUE(owner().AwaitState(RecipientState::kFailed));
  EXPECT_EQ(owner().status().reason, Reason::kConnectionLost);
}

TEST_F(RecipientEndTest, WhoDoesNotCloseIsUnconfirmed) {
  Serve({.confirm_timeout = absl::Milliseconds(50)});
  ASSERT_TRUE(owner().AwaitVerify(1));
  one_->Verified(absl::OkStatus());
  EXPECT_EQ(peer().Read().data, "");  // The end.
  ASSERT_TRUE(owner().AwaitState(RecipientState::kFailed));
  EXPECT_EQ(owner().status().reason, Reason::kUnconfirmed);
  EXPECT_THAT(owner().status().detail, HasSubstr("did not close"));
}

// What it has said before leaves no room for its end until it is read.
TEST_F(RecipientEndTest, EndBehindMuchInputIsSeenBeforeTheContentIsVerified) {
  OneRecipient one({}, SocketApi::Real(),
                   Connect(/*receive_buffer=*/0,
                           /*sender_receive_buffer=*/4096));
  const std::string input(60'000, '\0');
  ASSERT_EQ(send(one.peer->fd(), input.data(), input.size(), MSG_DONTWAIT),
            static_cast<ssize_t>(input.size()));
  one.Begin(FileOf(content_));
  one.peer->HalfClose();
  ASSERT_EQ(TcpState(one.socket()), TCP_ESTABLISHED);
  EXPECT_EQ(one.SendAll(), Recipient::Wait::kForever);
  ASSERT_TRUE(one.owner.AwaitVerify(1));
  EXPECT_EQ(TcpState(one.socket()), TCP_CLOSE_WAIT);
  one.Verified(absl::OkStatus());
  EXPECT_TRUE(one.peer->ReadAndClose().data == content_);
  EXPECT_TRUE(one.owner.AwaitState(RecipientState::kDelivered));
}

TEST_F(RecipientEndTest, WhoSendsForEverIsUnconfirmed) {
  Serve({.confirm_timeout = absl::Milliseconds(300)});
  while (!IsFinal(owner().status().state)) peer().Say('j');
  EXPECT_EQ(owner().status().state, RecipientState::kFailed);
  EXPECT_EQ(owner().status().reason, Reason::kUnconfirmed);
  EXPECT_THAT(owner().status().detail, HasSubstr("does not stop sending"));
}

TEST_F(RecipientEndTest, IsInFlightUntilTheEndIsAcknowledged) {
  const auto in_flight = [this] {
    return one_->Call([this] { return one_->recipient().in_flight(); });
  };
  Serve();
  ASSERT_TRUE(owner().AwaitVerify(1));
  EXPECT_TRUE(in_flight());
  one_->Verified(absl::OkStatus());
  EXPECT_EQ(peer().Read().data, "");  // The end.
  EXPECT_TRUE(Eventually([&] { return !in_flight(); }));
}

TEST_F(RecipientEndTest, WhoIsClosedHalfwayIsResetAndHearsNoMore) {
  OneRecipient one;
  one.Begin(FileOf(content_));
  one.SendAll();
  one.Call([&] { one.Close(RecipientState::kDropped); });
  EXPECT_EQ(one.peer->Read().error, ECONNRESET);
  EXPECT_EQ(one.owner.states().back(), RecipientState::kDropped);
  EXPECT_EQ(one.owner.status().detail, "closed by the test");
  EXPECT_GT(one.owner.status().end_time, absl::InfinitePast());
  one.Call([] {});  // The handlers of its socket.
  EXPECT_EQ(one.owner.states().back(), RecipientState::kDropped);
}

TEST_F(RecipientEndTest, RateOfOneThatHasEndedIsItsMean) {
  Serve();
  ASSERT_TRUE(owner().AwaitVerify(1));
  one_->Verified(absl::OkStatus());
  peer().ReadAndClose();
  ASSERT_TRUE(owner().AwaitState(RecipientState::kDelivered));
  const RecipientStatus status = owner().status();
  EXPECT_NEAR(static_cast<double>(status.bytes_per_second),
              kSmall / absl::ToDoubleSeconds(status.transfer_time), 1.0);
}

}  // namespace
}  // namespace tcptool::dataplane
