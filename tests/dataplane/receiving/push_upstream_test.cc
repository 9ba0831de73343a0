// A content that is pushed is under its name when its producer has ended it and
// it is whole, and only then.
#include "dataplane/receiving/push_upstream.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "dataplane/receiving/pushed_content.h"
#include "tests/dataplane/receiving/receptions.h"

namespace tcptool::dataplane {
namespace {

using Names = std::set<std::string>;

class PushUpstreamTest : public testing::Test {
 protected:
  void Receive(ReceptionOptions options = {}) {
    one_.emplace(std::make_unique<PushUpstream>(content_), folder_,
                 std::move(options));
  }
  // In pieces, each as soon as there is room.
  void Push(const std::string& content, size_t piece = 300'000) {
    for (size_t at = 0; at < content.size(); at += piece) {
      WaitForRoom();
      content_->Push(content.substr(at, piece));
    }
  }
  void WaitForRoom() {
    absl::Notification has_room;
    content_->SetOnChange([&has_room] { has_room.Notify(); });
    if (!content_->HasRoom()) {
      ASSERT_TRUE(has_room.WaitForNotificationWithTimeout(kDeadline));
    }
    content_->SetOnChange(nullptr);
  }

  const Folder folder_;
  const std::shared_ptr<PushedContent> content_ =
      std::make_shared<PushedContent>();
  std::optional<OneReception> one_;
};

TEST_F(PushUpstreamTest, ReceivesWhatIsPushed) {
  ReceptionOptions options;
  options.expected_length = kSize;
  options.expected_sha256 = Sha256Of(TheContent());
  Receive(std::move(options));
  Push(TheContent().substr(0, 100'000));
  ASSERT_TRUE(one_->recorder->WaitForBytes(100'000));
  EXPECT_EQ(folder_.Names(), Names{".tcptool-part.r1"});
  Push(TheContent().substr(100'000));
  content_->End();
  const ReceptionStatus status = one_->recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kSucceeded) << status.detail;
  EXPECT_EQ(status.detail, "");
  EXPECT_EQ(status.peer.port(), 0);
  EXPECT_EQ(status.root, Root(ManifestOf(TheContent())));
  EXPECT_EQ(folder_.Names(), Names{"content"});
  EXPECT_TRUE(folder_.Get("content") == TheContent());
}

TEST_F(PushUpstreamTest, WhatIsPushedBeforeTheReceptionWaitsForIt) {
  content_->Push("early");
  content_->End();
  EXPECT_FALSE(content_->HasRoom());
  Receive();
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
  EXPECT_EQ(folder_.Get("content"), "early");
}

TEST_F(PushUpstreamTest, AnEmptyContentIsOne) {
  Receive();
  content_->End();
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
  EXPECT_EQ(folder_.Get("content"), "");
}

TEST_F(PushUpstreamTest, WhatBreaksOffHasNoName) {
  for (const size_t pushed : {size_t{0}, size_t{100'000}, kSize}) {
    SCOPED_TRACE(pushed);
    const auto content = std::make_shared<PushedContent>();
    OneReception one(std::make_unique<PushUpstream>(content), folder_);
    content->Push(TheContent().substr(0, pushed));
    ASSERT_TRUE(one.recorder->WaitForBytes(pushed));
    content->Fail(absl::CancelledError("it broke off"));
    const ReceptionStatus status = one.recorder->WaitForEnd();
    EXPECT_EQ(status.state, ReceptionState::kFailed);
    EXPECT_EQ(status.reason, ReceptionReason::kConnectionLost);
    EXPECT_EQ(status.detail, "it broke off");
    one.Finish();
    EXPECT_EQ(folder_.Names(), Names{});
  }
}

TEST_F(PushUpstreamTest, OneThatHasStalledSaysSo) {
  Receive();
  content_->Fail(absl::DeadlineExceededError("nothing came"));
  EXPECT_EQ(one_->recorder->WaitForEnd().reason, ReceptionReason::kStalled);
}

TEST_F(PushUpstreamTest, OneThatFailedBeforeTheReceptionFailsIt) {
  content_->Fail(absl::CancelledError("it broke off"));
  Receive();
  const ReceptionStatus status = one_->recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.detail, "it broke off");
}

TEST_F(PushUpstreamTest, AFailureBehindTheEndIsNone) {
  Receive();
  Push(TheContent());
  content_->End();
  content_->Fail(absl::CancelledError("the client is gone"));
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
}

TEST_F(PushUpstreamTest, AnotherLengthThanExpectedFails) {
  for (const uint64_t expected : {kSize - 1, kSize + 1}) {
    SCOPED_TRACE(expected);
    const auto content = std::make_shared<PushedContent>();
    ReceptionOptions options;
    options.expected_length = expected;
    OneReception one(std::make_unique<PushUpstream>(content), folder_,
                     std::move(options));
    content->Push(TheContent());
    content->End();
    const ReceptionStatus status = one.recorder->WaitForEnd();
    EXPECT_EQ(status.reason, ReceptionReason::kLengthMismatch);
    one.Finish();
    EXPECT_EQ(folder_.Names(), Names{});
  }
}

TEST_F(PushUpstreamTest, AnotherSha256ThanExpectedFails) {
  ReceptionOptions options;
  options.expected_sha256 = Sha256Of("another");
  Receive(std::move(options));
  content_->Push("this one");
  content_->End();
  EXPECT_EQ(one_->recorder->WaitForEnd().reason,
            ReceptionReason::kDigestMismatch);
}

TEST_F(PushUpstreamTest, ACancelledReceptionTakesNoMore) {
  Receive();
  Push(TheContent().substr(0, 1000));
  ASSERT_TRUE(one_->recorder->WaitForBytes(1000));
  WaitForRoom();
  EXPECT_TRUE(one_->Cancel().ok());
  content_->Push("more");
  one_->Finish();
  EXPECT_FALSE(content_->HasRoom());
  EXPECT_EQ(folder_.Names(), Names{});
}

TEST_F(PushUpstreamTest, WhatOneHasBegunToTakeIsNoOthers) {
  Receive();
  Push("the head of it, ");
  WaitForRoom();
  ASSERT_TRUE(one_->Cancel().ok());
  one_->Finish();
  content_->Push("and the rest");
  content_->End();
  OneReception other(std::make_unique<PushUpstream>(content_), folder_);
  EXPECT_EQ(other.recorder->WaitForEnd().state, ReceptionState::kFailed);
  other.Finish();
  EXPECT_EQ(folder_.Names(), Names{});
}

TEST_F(PushUpstreamTest, AStoppedServiceInterruptsIt) {
  Receive();
  Push(TheContent().substr(0, 1000));
  ASSERT_TRUE(one_->recorder->WaitForBytes(1000));
  one_->reception().Stop();
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kInterrupted);
  one_->Finish();
  EXPECT_EQ(folder_.Names(), Names{});
}

TEST_F(PushUpstreamTest, WhatHasComeIsSentOnWhileTheRestComes) {
  Receive();
  const auto recorder = std::make_shared<Recorder>();
  SessionOptions options;
  options.bind_address = asio::ip::address_v4::loopback();
  options.start.immediate = true;
  const auto session = one_->engine().CreateSession(
      options, one_->reception().OpenSource(Spool::Level::kVerified), recorder);
  ASSERT_TRUE(session.ok()) << session.status();
  Peer peer((*session)->data_endpoint().port());
  peer.Say(0);
  for (const std::string piece : {"a", "few", "bytes"}) {
    Push(piece);
    EXPECT_EQ(peer.Read(piece.size()).data, piece);
  }
  content_->End();
  const Peer::Result rest = peer.ReadAndClose();
  EXPECT_EQ(rest.data, "");
  EXPECT_EQ(rest.error, 0);
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
}

}  // namespace
}  // namespace tcptool::dataplane
