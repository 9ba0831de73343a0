// Which uploads a node takes, and that their messages continue each other.
#include "server/receptions/reception_uploads.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

constexpr char kReception[] = "receptions/r";
constexpr char kName[] = "distributions/d";

v1::UploadDistributionRequest Message(int64_t offset, std::string data,
                                      bool complete = false) {
  v1::UploadDistributionRequest request;
  request.set_offset(offset);
  request.set_data(std::move(data));
  request.set_complete(complete);
  return request;
}

TEST(ReceptionUploads, TakesOneOfThoseThatAreExpected) {
  ReceptionUploads uploads;
  EXPECT_TRUE(absl::IsUnavailable(uploads.Begin(kReception, kName).status()));
  EXPECT_FALSE(uploads.HasBegun(kReception));
  uploads.Expect(kReception);
  EXPECT_FALSE(uploads.HasBegun(kReception));
  const auto upload = uploads.Begin(kReception, kName);
  ASSERT_TRUE(upload.ok()) << upload.status();
  EXPECT_EQ((*upload)->name(), kName);
  EXPECT_TRUE(uploads.HasBegun(kReception));
  uploads.Expect(kReception);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(uploads.Begin(kReception, kName).status()));
  // Also after it has ended.
  uploads.Finish(kReception, absl::OkStatus());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(uploads.Begin(kReception, kName).status()));
}

TEST(ReceptionUploads, TakesAnotherAfterOneThatIsForgotten) {
  ReceptionUploads uploads;
  uploads.Expect(kReception);
  const auto first = uploads.Begin(kReception, kName);
  ASSERT_TRUE(first.ok());
  uploads.Forget(kReception, absl::AbortedError("it is over"));
  EXPECT_TRUE((*first)->closed());
  EXPECT_EQ((*first)->result().message(), "it is over");
  uploads.Expect(kReception);
  EXPECT_TRUE(uploads.Begin(kReception, kName).ok());
}

TEST(ReceptionUploads, TakesSoManyAtATime) {
  ReceptionUploads uploads;
  std::vector<std::unique_ptr<ReceptionUpload>> begun;
  const auto begin = [&](size_t number) {
    const std::string reception = absl::StrCat(kReception, number);
    uploads.Expect(reception);
    auto upload = uploads.Begin(reception, kName);
    if (upload.ok()) begun.push_back(*std::move(upload));
    return upload.status();
  };
  for (size_t i = 0; i < ReceptionUploads::kMost; ++i) {
    EXPECT_TRUE(begin(i).ok());
  }
  const size_t next = ReceptionUploads::kMost;
  EXPECT_TRUE(absl::IsResourceExhausted(begin(next)));
  uploads.Finish(absl::StrCat(kReception, 3), absl::OkStatus());
  EXPECT_TRUE(begin(next).ok());
}

TEST(ReceptionUploads, TellsOfTheEndAlsoIfItCameBefore) {
  ReceptionUploads uploads;
  uploads.Expect(kReception);
  const auto upload = uploads.Begin(kReception, kName);
  ASSERT_TRUE(upload.ok());
  EXPECT_FALSE((*upload)->closed());
  uploads.Finish(kReception, absl::OkStatus());
  int changes = 0;
  (*upload)->set_on_change([&changes] { ++changes; });
  EXPECT_EQ(changes, 1);
  EXPECT_TRUE((*upload)->closed());
  EXPECT_TRUE((*upload)->result().ok());
}

class ReceptionUploadTest : public testing::Test {
 protected:
  absl::Status Take(v1::UploadDistributionRequest request) {
    return upload_.Take(request);
  }

  const std::shared_ptr<dataplane::PushedContent> content_ =
      std::make_shared<dataplane::PushedContent>();
  ReceptionUpload upload_{kName, content_};
};

TEST_F(ReceptionUploadTest, DataIsMovedAndNotCopied) {
  v1::UploadDistributionRequest request = Message(0, std::string(4096, 'x'));
  const char* const data = request.data().data();
  ASSERT_TRUE(upload_.Take(request).ok());
  EXPECT_TRUE(request.data().empty());
  const std::string piece = content_->TakeNext().piece;
  EXPECT_EQ(piece.data(), data);
}

TEST_F(ReceptionUploadTest, MessagesFollowEachOther) {
  ASSERT_TRUE(Take(Message(0, "abc")).ok());
  EXPECT_FALSE(upload_.has_room());
  for (const int64_t offset : {int64_t{0}, int64_t{4}, int64_t{-1}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Take(Message(offset, "d"))));
  }
  v1::UploadDistributionRequest other = Message(3, "");
  other.set_name("distributions/other");
  EXPECT_TRUE(absl::IsInvalidArgument(upload_.Take(other)));
  content_->TakeNext();
  content_->Taken();
  ASSERT_TRUE(Take(Message(3, "", /*complete=*/true)).ok());
  EXPECT_TRUE(upload_.complete());
  EXPECT_TRUE(content_->TakeNext().is_end);
  EXPECT_TRUE(absl::IsInvalidArgument(Take(Message(3, ""))));
}

TEST_F(ReceptionUploadTest, AFailureSaysHowMuchHasCome) {
  ASSERT_TRUE(Take(Message(0, "abc")).ok());
  upload_.Fail(absl::DeadlineExceededError("nothing came"));
  const absl::Status failure = content_->TakeNext().failure;
  EXPECT_TRUE(absl::IsDeadlineExceeded(failure));
  EXPECT_EQ(failure.message(),
            "the upload broke off after 3 bytes: nothing came");
}

}  // namespace
}  // namespace tcptool::server
