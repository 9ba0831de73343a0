// An upload's messages, one after the other.
#include "server/sessions/upload.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/dataplane/testing.h"
#include "tests/server/error_reason.h"

namespace tcptool::server {
namespace {

using dataplane::OneSession;
using dataplane::StreamSource;

constexpr size_t kWindow = 1 << 20;

class UploadTest : public testing::Test {
 protected:
  v1::UploadContentRequest Message(int64_t offset, std::string data,
                                   bool complete = false) {
    v1::UploadContentRequest request;
    request.set_offset(offset);
    request.set_data(std::move(data));
    request.set_complete(complete);
    return request;
  }
  absl::Status Take(v1::UploadContentRequest request) {
    return upload.Take(request);
  }

  const std::shared_ptr<StreamSource> source =
      std::make_shared<StreamSource>(kWindow);
  OneSession one{source};
  Upload upload{"sessions/s", source, one.session().shared_from_this()};
};

TEST_F(UploadTest, DataIsMovedAndNotCopied) {
  v1::UploadContentRequest request = Message(0, std::string(4096, 'x'));
  const char* data = request.data().data();
  dataplane::Peer peer(one.port());
  peer.Say(1);
  ASSERT_TRUE(upload.Take(request).ok());
  EXPECT_NE(request.data().data(), data);
  EXPECT_TRUE(request.data().empty());
  EXPECT_EQ(peer.Read(4096).data, std::string(4096, 'x'));
}

TEST_F(UploadTest, OffsetsFollowEachOther) {
  EXPECT_TRUE(Take(Message(0, "abc")).ok());
  EXPECT_TRUE(Take(Message(3, "")).ok());
  for (const int64_t offset : {int64_t{0}, int64_t{2}, int64_t{4}, int64_t{-1},
                               std::numeric_limits<int64_t>::max()}) {
    const absl::Status status = Take(Message(offset, "d"));
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_EQ(status.message().find("offset: "), 0u);
  }
  EXPECT_TRUE(Take(Message(3, "d", /*complete=*/true)).ok());
  EXPECT_TRUE(upload.complete());
  EXPECT_EQ(source->length(), 4u);
}

TEST_F(UploadTest, AllWrongFieldsOfAMessageAreNamed) {
  v1::UploadContentRequest request = Message(1, "a");
  request.set_name("sessions/other");
  EXPECT_EQ(WrongFieldsOf(Take(request)),
            (std::vector<std::string>{"name", "offset"}));
}

TEST_F(UploadTest, ContentOfAnotherLengthIsRefused) {
  source->ExpectLength(4);
  EXPECT_TRUE(Take(Message(0, "abc")).ok());
  const absl::Status more = Take(Message(3, "de"));
  EXPECT_TRUE(absl::IsFailedPrecondition(more)) << more;
  EXPECT_NE(more.message().find("more than the 4 bytes"), std::string::npos);
}

TEST_F(UploadTest, ContentThatEndsTooEarlyIsRefused) {
  source->ExpectLength(4);
  const absl::Status less = Take(Message(0, "abc", /*complete=*/true));
  EXPECT_TRUE(absl::IsFailedPrecondition(less)) << less;
  EXPECT_NE(less.message().find("has 3 bytes"), std::string::npos);
}

TEST_F(UploadTest, NothingComesAfterTheLast) {
  EXPECT_TRUE(Take(Message(0, "", /*complete=*/true)).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Take(Message(0, ""))));
}

TEST_F(UploadTest, SmallMessagesDoNotPassTheWindow) {
  int64_t offset = 0;
  while (upload.has_room()) {
    ASSERT_TRUE(Take(Message(offset++, "x")).ok());
  }
  EXPECT_LE(offset, static_cast<int64_t>(kWindow / 256));
}

TEST_F(UploadTest, RoomIsToldWhenARecipientHasTakenSome) {
  const auto changed = std::make_shared<absl::Notification>();
  upload.set_on_change([changed] {
    if (!changed->HasBeenNotified()) changed->Notify();
  });
  ASSERT_TRUE(Take(Message(0, std::string(kWindow, 'x'))).ok());
  EXPECT_FALSE(upload.has_room());
  dataplane::Peer peer(one.port());
  peer.Say(1);
  peer.Read(kWindow);
  EXPECT_TRUE(changed->WaitForNotificationWithTimeout(dataplane::kDeadline));
}

TEST_F(UploadTest, BreakingOffSaysHowFarItCame) {
  const auto peer = one.ReadyPeer();
  ASSERT_TRUE(Take(Message(0, "abc")).ok());
  upload.Fail("the client left");
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  EXPECT_EQ(one.recorder->WaitForEnd(), dataplane::SessionState::kFailed);
  EXPECT_EQ(one.recorder->session().error,
            "the upload broke off after 3 bytes: the client left");
}

}  // namespace
}  // namespace tcptool::server
