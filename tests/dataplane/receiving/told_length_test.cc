// Where a source says how long its content will be, room for that is set aside
// at once; and what does not fit may be a lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/dataplane/receiving/resumable_receptions.h"

namespace tcptool::dataplane {
namespace {

constexpr uint64_t kTooLong = uint64_t{1} << 60;

class ToldLengthTest : public ResumableReceptionTest {
 protected:
  // A reception on a disk that has room for so many of the contents that it is
  // asked for.
  void BeginOnDisk(int room, ReceptionOptions options = {}) {
    room_ = room;
    Begin(std::move(options), {.files = &files_});
  }
  static bool WaitUntil(const std::function<bool()>& condition) {
    const absl::Time limit = absl::Now() + kDeadline;
    while (!condition()) {
      if (absl::Now() > limit) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }
  void ExpectAllocations(int count) {
    one_->Finish();
    EXPECT_EQ(allocations_, count);
  }

  std::atomic<int> room_ = 0;
  std::atomic<int> allocations_ = 0;
  FaultyFiles files_{[this](FaultyFiles::Call call) {
    if (call != FaultyFiles::Call::kAllocate) return 0;
    return allocations_++ < room_ ? 0 : -ENOSPC;
  }};
};

TEST_F(ToldLengthTest, RoomIsSetAsideBeforeTheContentComes) {
  BeginOnDisk(1);
  Accept();
  one_->reception().ExpectLength(kLongSize);
  EXPECT_TRUE(WaitUntil([&] { return allocations_ == 1; }));
  // And once only.
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent()));
  ExpectWhole();
  ExpectAllocations(1);
}

TEST_F(ToldLengthTest, RoomIsSetAsideAtTheLatestForTheEndThatIsTold) {
  BeginOnDisk(1);
  Accept();
  Announce(LongContent());
  EXPECT_TRUE(WaitUntil([&] { return allocations_ == 1; }));
  ASSERT_TRUE(sender_.Send(LongContent()));
  ExpectWhole();
  ExpectAllocations(1);
}

TEST_F(ToldLengthTest, ContentThatDoesNotFitFails) {
  BeginOnDisk(0);
  {
    absl::MutexLock lock(&script_->mutex);
    script_->refusals = {absl::OkStatus(),
                         absl::DataLossError("nobody is left")};
  }
  Accept();
  one_->reception().ExpectLength(kTooLong);
  const ReceptionStatus status = one_->recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kNoSpace);
  EXPECT_THAT(status.detail, testing::HasSubstr("are missing"));
  one_->Finish();
  EXPECT_TRUE(folder_.Names().empty());
}

// Which is not known to be one before another source tells another length.
TEST_F(ToldLengthTest, LengthThatDoesNotFitIsAskedForElsewhere) {
  BeginOnDisk(0);
  Accept();
  one_->reception().ExpectLength(kTooLong);
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsFailedPrecondition(asked.lost)) << asked.lost;
  room_ = 2;
  one_->reception().ExpectLength(kLongSize);
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent()));
  ExpectWhole();
}

TEST_F(ToldLengthTest, LengthThatIsNotTheExpectedOneIsTheSourcesFault) {
  ReceptionOptions options;
  options.expected_length = kLongSize;
  BeginOnDisk(1, std::move(options));
  Accept();
  one_->reception().ExpectLength(kLongSize + 1);
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsOutOfRange(asked.lost)) << asked.lost;
  one_->reception().ExpectLength(kLongSize);
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent()));
  ExpectWhole();
  ExpectAllocations(1);
}

TEST_F(ToldLengthTest, LengthOfLessThanHasComeIsDoubted) {
  Begin();
  Accept();
  ASSERT_TRUE(sender_.Send(Content(3 * kManifestBlock)));
  ASSERT_TRUE(WaitForBytes(3 * kManifestBlock));
  one_->reception().ExpectLength(1);
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsOutOfRange(asked.lost)) << asked.lost;
}

// As of a source that has begun a longer content, and was left.
TEST_F(ToldLengthTest, BlocksBehindTheEndAreNotInTheFile) {
  Begin();
  Accept();
  ASSERT_TRUE(sender_.Send(LongContent() + Content(3 * kManifestBlock)));
  ASSERT_TRUE(WaitForBytes(kLongSize + 3 * kManifestBlock));
  Announce(LongContent());
  const ScriptedUpstream::Asked asked = Accept();
  // By its length or by its last block, which is found out beside it.
  EXPECT_TRUE(absl::IsOutOfRange(asked.lost) || absl::IsDataLoss(asked.lost))
      << asked.lost;
  EXPECT_EQ(asked.offset, 6 * kManifestBlock);
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent().substr(asked.offset)));
  ExpectWhole();
}

// So that those that receive it from here may set room aside too.
TEST_F(ToldLengthTest, IsThatOfTheSessionsToo) {
  BeginOnDisk(1);
  Accept();
  const auto source = one_->reception().OpenSource(Spool::Level::kReceived);
  EXPECT_EQ(source->length(), std::nullopt);
  one_->reception().ExpectLength(kLongSize);
  EXPECT_TRUE(WaitUntil([&] { return source->length() == kLongSize; }));
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent()));
  ExpectWhole();
}

}  // namespace
}  // namespace tcptool::dataplane
