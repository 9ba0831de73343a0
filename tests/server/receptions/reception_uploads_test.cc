// Which uploads a node takes, and that their messages continue each other.
#include "server/receptions/reception_uploads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/error_reason.h"

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
  EXPECT_EQ(ReasonOf(begin(next)), "TOO_MANY_UPLOADS");
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

// One that begins before the node has begun its part.
class EarlyUploadTest : public testing::Test {
 protected:
  using Clock = ReceptionUploads::Clock;

  std::unique_ptr<ReceptionUpload> Begin(
      const std::string& reception = kReception) {
    auto upload = uploads_.Begin(reception, kName);
    EXPECT_TRUE(upload.ok()) << upload.status();
    return upload.ok() ? *std::move(upload) : nullptr;
  }
  static Clock::time_point AtLeast(Clock::duration later) {
    return Clock::now() + later;
  }

  ReceptionUploads uploads_;
};

TEST_F(EarlyUploadTest, WaitsWithItsFirstMessageUntilItIsExpected) {
  const auto upload = Begin();
  v1::UploadDistributionRequest request = Message(0, "abc", /*complete=*/true);
  ASSERT_TRUE(upload->Take(request).ok());
  EXPECT_FALSE(upload->has_room());
  EXPECT_FALSE(uploads_.HasBegun(kReception));
  uploads_.Expect(kReception);
  EXPECT_TRUE(uploads_.HasBegun(kReception));
  EXPECT_FALSE(upload->closed());
  // From then on it is as one that began later.
  uploads_.EndOverdue(AtLeast(2 * ReceptionUploads::kPatience));
  EXPECT_FALSE(upload->closed());
  uploads_.Finish(kReception, absl::OkStatus());
  EXPECT_TRUE(upload->closed());
  EXPECT_TRUE(upload->result().ok());
}

TEST_F(EarlyUploadTest, IsTheOneUpload) {
  const auto upload = Begin();
  EXPECT_TRUE(
      absl::IsFailedPrecondition(uploads_.Begin(kReception, kName).status()));
}

TEST_F(EarlyUploadTest, WaitsForSoLong) {
  const Clock::time_point before = Clock::now();
  const auto upload = Begin();
  int changes = 0;
  upload->set_on_change([&changes] { ++changes; });
  uploads_.EndOverdue(before + ReceptionUploads::kPatience -
                      Clock::duration(1));
  EXPECT_FALSE(upload->closed());
  uploads_.EndOverdue(AtLeast(ReceptionUploads::kPatience));
  EXPECT_TRUE(upload->closed());
  EXPECT_EQ(changes, 1);
  EXPECT_TRUE(absl::IsUnavailable(upload->result()));
  EXPECT_EQ(ReasonOf(upload->result()), "NOT_READY");
  EXPECT_THAT(std::string(upload->result().message()),
              testing::AllOf(testing::HasSubstr(kName),
                             testing::HasSubstr("upload again")));
  // So it may.
  const auto again = Begin();
  uploads_.Expect(kReception);
  EXPECT_TRUE(uploads_.HasBegun(kReception));
  EXPECT_FALSE(again->closed());
}

// Nothing has come of it, so that it does not fail what is expected later.
TEST_F(EarlyUploadTest, AnotherMayFollowOneThatHasBrokenOff) {
  Begin()->Fail(absl::CancelledError("the client has cancelled the call"));
  Begin()->Fail(absl::DeadlineExceededError("the client sends nothing"));
  uploads_.Expect(kReception);
  EXPECT_FALSE(uploads_.HasBegun(kReception));
  EXPECT_TRUE(uploads_.FailureOf(kReception).ok());
  const auto last = Begin();
  EXPECT_TRUE(uploads_.HasBegun(kReception));
  // One that breaks off from here on does fail it.
  last->Fail(absl::CancelledError("the client has cancelled the call"));
  EXPECT_TRUE(absl::IsCancelled(uploads_.FailureOf(kReception)));
  EXPECT_TRUE(
      absl::IsFailedPrecondition(uploads_.Begin(kReception, kName).status()));
}

// The whole of it may have come before its client was lost.
TEST_F(EarlyUploadTest, IsKeptOnceItIsComplete) {
  const auto upload = Begin();
  v1::UploadDistributionRequest request = Message(0, "abc", /*complete=*/true);
  ASSERT_TRUE(upload->Take(request).ok());
  upload->Fail(absl::CancelledError("the client has cancelled the call"));
  uploads_.Expect(kReception);
  EXPECT_TRUE(uploads_.HasBegun(kReception));
  EXPECT_TRUE(uploads_.FailureOf(kReception).ok());
}

TEST_F(EarlyUploadTest, TakesNoPlaceOnceItHasBrokenOff) {
  for (size_t i = 0; i <= ReceptionUploads::kMost; ++i) {
    Begin(absl::StrCat(kReception, i))->Fail(absl::CancelledError("lost"));
  }
}

TEST_F(EarlyUploadTest, EndsWhenTheServiceStops) {
  const auto upload = Begin();
  uploads_.Stop();
  EXPECT_TRUE(absl::IsUnavailable(upload->result()));
  EXPECT_TRUE(absl::IsUnavailable(uploads_.Begin(kReception, kName).status()));
  // What is expected goes on.
  uploads_.Expect(kReception);
  EXPECT_TRUE(uploads_.Begin(kReception, kName).ok());
}

TEST_F(EarlyUploadTest, CountsAmongThoseThatAreTaken) {
  std::vector<std::unique_ptr<ReceptionUpload>> begun;
  for (size_t i = 0; i < ReceptionUploads::kMost; ++i) {
    begun.push_back(Begin(absl::StrCat(kReception, i)));
  }
  EXPECT_TRUE(
      absl::IsResourceExhausted(uploads_.Begin(kReception, kName).status()));
  uploads_.EndOverdue(AtLeast(ReceptionUploads::kPatience));
  EXPECT_TRUE(uploads_.Begin(kReception, kName).ok());
}

TEST_F(EarlyUploadTest, IsNotWhatAnEarlierRunHasGot) {
  const auto upload = Begin();
  uploads_.Finish(kReception, absl::OkStatus());
  EXPECT_TRUE(absl::IsFailedPrecondition(upload->result()));
  // Which the client gets as it is.
  EXPECT_EQ(ReasonOf(upload->result()), "UPLOAD_TAKEN");
  uploads_.Forget(kReception, absl::AbortedError("it is over"));
  EXPECT_TRUE(absl::IsFailedPrecondition(upload->result()));
}

// One that is expected, whose reception cannot be made.
class HinderedUploadTest : public EarlyUploadTest {
 protected:
  HinderedUploadTest() { uploads_.Expect(kReception); }

  void Hinder(const std::string& why) {
    uploads_.SetHindrance(kReception, absl::UnavailableError(why));
  }
};

TEST_F(HinderedUploadTest, WaitsForSoLongFromTheFirstTimeOn) {
  const auto upload = Begin();
  uploads_.EndOverdue(AtLeast(2 * ReceptionUploads::kPatience));
  EXPECT_FALSE(upload->closed()) << "Nothing hinders it.";
  const Clock::time_point before = Clock::now();
  Hinder("first");
  uploads_.EndOverdue(before + ReceptionUploads::kPatience -
                      Clock::duration(1));
  EXPECT_FALSE(upload->closed());
  const Clock::time_point end = AtLeast(ReceptionUploads::kPatience);
  Hinder("the disk is away");
  uploads_.EndOverdue(end);
  EXPECT_TRUE(upload->closed());
  EXPECT_TRUE(absl::IsUnavailable(upload->result()));
  EXPECT_EQ(ReasonOf(upload->result()), "NOT_READY");
  EXPECT_THAT(std::string(upload->result().message()),
              testing::AllOf(testing::HasSubstr(kName),
                             testing::HasSubstr("the disk is away")));
}

TEST_F(HinderedUploadTest, AnotherMayFollow) {
  Hinder("before any has begun");
  const auto first = Begin();
  Hinder("the disk is away");
  uploads_.EndOverdue(AtLeast(ReceptionUploads::kPatience));
  EXPECT_TRUE(first->closed());
  EXPECT_FALSE(uploads_.HasBegun(kReception));
  const auto second = Begin();
  EXPECT_TRUE(uploads_.HasBegun(kReception));
  uploads_.EndOverdue(AtLeast(2 * ReceptionUploads::kPatience));
  EXPECT_FALSE(second->closed()) << "That hindered the first one.";
}

TEST_F(HinderedUploadTest, GoesOnOnceNothingHindersIt) {
  const auto upload = Begin();
  Hinder("the disk is away");
  uploads_.SetHindrance(kReception, absl::OkStatus());
  uploads_.EndOverdue(AtLeast(2 * ReceptionUploads::kPatience));
  EXPECT_FALSE(upload->closed());
}

// There would be a reception without an upload else.
TEST_F(HinderedUploadTest, DoesNotEndWhileItIsTried) {
  const auto upload = Begin();
  Hinder("the disk is away");
  uploads_.BeginTry(kReception);
  uploads_.EndOverdue(AtLeast(2 * ReceptionUploads::kPatience));
  EXPECT_FALSE(upload->closed());
  Hinder("the disk is away");
  uploads_.EndOverdue(AtLeast(2 * ReceptionUploads::kPatience));
  EXPECT_TRUE(upload->closed());
}

TEST_F(HinderedUploadTest, MakesRoom) {
  std::vector<std::unique_ptr<ReceptionUpload>> begun;
  for (size_t i = 0; i < ReceptionUploads::kMost; ++i) {
    const std::string reception = absl::StrCat(kReception, i);
    uploads_.Expect(reception);
    begun.push_back(Begin(reception));
    uploads_.SetHindrance(reception, absl::UnavailableError("away"));
  }
  EXPECT_TRUE(
      absl::IsResourceExhausted(uploads_.Begin(kReception, kName).status()));
  uploads_.EndOverdue(AtLeast(ReceptionUploads::kPatience));
  EXPECT_TRUE(uploads_.Begin(kReception, kName).ok());
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
