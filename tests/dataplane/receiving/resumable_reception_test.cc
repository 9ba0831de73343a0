// A reception from a source that has the content from any offset goes on after
// whatever happens to a connection, and takes nothing but the announced blocks.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "dataplane/base/unique_fd.h"
#include "tests/dataplane/receiving/resumable_receptions.h"

namespace tcptool::dataplane {
namespace {

using Names = std::set<std::string>;

// A disk that holds the first write of one block until it is released.
class HeldWrite : public FileApi {
 public:
  // That of the block at `offset`: those before it may not be written yet.
  void Hold(uint64_t offset) { offset_ = offset; }
  void WaitUntilHeld() { held_.WaitForNotification(); }
  void Release() {
    if (!released_.HasBeenNotified()) released_.Notify();
  }

 private:
  static constexpr uint64_t kNone = ~uint64_t{0};

  int WriteAt(int file, uint64_t offset,
              std::span<const std::byte> data) override {
    uint64_t held = offset;
    if (offset_.compare_exchange_strong(held, kNone)) {
      held_.Notify();
      released_.WaitForNotification();
    }
    return FileApi::WriteAt(file, offset, data);
  }

  absl::Notification held_;
  absl::Notification released_;
  std::atomic<uint64_t> offset_{kNone};
};

TEST_F(ResumableReceptionTest, EndsWhenAllHasComeWithoutTheSendersEnd) {
  Begin();
  EXPECT_EQ(Accept().offset, 0u);
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent()));
  EXPECT_EQ(sender_.ReadEnd(), 0);
  ExpectWhole();
}

TEST_F(ResumableReceptionTest, GoesOnAfterALoss) {
  constexpr uint64_t kBlock = kManifestBlock;
  Begin();
  EXPECT_TRUE(Accept().lost.ok());
  ASSERT_TRUE(sender_.Send(LongContent().substr(0, 2 * kBlock + 777)));
  ASSERT_TRUE(WaitForBytes(2 * kBlock + 777));
  sender_.Reset();
  ScriptedUpstream::Asked asked = Accept();
  EXPECT_EQ(asked.offset, 2 * kBlock);
  EXPECT_TRUE(absl::IsUnavailable(asked.lost));
  ASSERT_TRUE(sender_.Send(LongContent().substr(2 * kBlock, 2 * kBlock + 99)));
  ASSERT_TRUE(WaitForBytes(4 * kBlock + 99));
  sender_.End();  // Orderly, and before the end, as is known only later.
  Announce(LongContent());
  asked = Accept();
  EXPECT_EQ(asked.offset, 4 * kBlock);
  EXPECT_TRUE(absl::IsUnavailable(asked.lost));
  ASSERT_TRUE(sender_.Send(LongContent().substr(4 * kBlock)));
  ExpectWhole();
  EXPECT_EQ(one_->recorder->status().connections, 3u);
}

TEST_F(ResumableReceptionTest, GoesOnElsewhereAfterSilence) {
  ReceptionOptions options;
  options.stall_timeout = absl::Seconds(1);
  Begin(std::move(options));
  Announce(LongContent());
  Accept();
  ASSERT_TRUE(sender_.Send(LongContent().substr(0, kManifestBlock)));
  ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDeadlineExceeded(asked.lost));
  // Should this one be slow too, there is another.
  while (!sender_.Send(LongContent().substr(asked.offset))) asked = Accept();
  ExpectWhole();
}

TEST_F(ResumableReceptionTest, GoesOnElsewhereWhenTheEndIsNotAnnounced) {
  ReceptionOptions options;
  options.stall_timeout = absl::Milliseconds(300);
  Begin(std::move(options));
  Accept();
  // False: this thread itself has been silent for so long.
  sender_.Send(LongContent().substr(0, kManifestBlock));
  sender_.End();
  EXPECT_TRUE(absl::IsDeadlineExceeded(Accept().lost));
}

TEST_F(ResumableReceptionTest, BadBlockIsTakenFromElsewhere) {
  Begin();
  Accept();
  Announce(LongContent());
  std::string wrong = LongContent();
  wrong[3 * kManifestBlock + 99] ^= 1;
  sender_.Send(wrong);
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  EXPECT_EQ(asked.offset, 3 * kManifestBlock);
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent().substr(asked.offset)));
  ExpectWhole();
}

// It is the next source's own blocks that would be found bad.
TEST_F(ResumableReceptionTest, WrongDigestsAreForgottenWithTheirSource) {
  Begin();
  Accept();
  std::string wrong = LongContent();
  for (size_t i = 3; i < 6; ++i) wrong[i * kManifestBlock] ^= 1;
  one_->reception().Expect(0, ManifestOf(wrong).blocks);
  sender_.Send(LongContent());
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  EXPECT_EQ(asked.offset, 3 * kManifestBlock);
  ASSERT_TRUE(sender_.Send(LongContent().substr(asked.offset)));
  ASSERT_TRUE(WaitForBytes(kLongSize));  // Before the digests come.
  Announce(LongContent());
  ExpectWhole();
}

// Its bytes are those from another offset.
TEST_F(ResumableReceptionTest, ConnectionFromBeforeARewindIsNotUsed) {
  HeldWrite write;
  Begin({}, {.files = &write});
  const auto end = absl::MakeCleanup([&] {
    write.Release();
    one_ = nullptr;  // It uses the files.
  });
  Accept();
  Manifest told = ManifestOf(LongContent());
  one_->reception().Expect(0, {told.blocks[0]});
  ASSERT_TRUE(sender_.Send(LongContent().substr(0, 2 * kManifestBlock)));
  ASSERT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
    return status.bytes_received == 2 * kManifestBlock &&
           status.bytes_verified == kManifestBlock;
  }));
  write.Hold(2 * kManifestBlock);
  ASSERT_TRUE(
      sender_.Send(LongContent().substr(2 * kManifestBlock, kManifestBlock)));
  write.WaitUntilHeld();
  {
    absl::MutexLock lock(&script_->mutex);
    script_->holds = true;
  }
  sender_.Reset();
  ASSERT_TRUE(WaitForAsked(1));
  told.blocks[1].fill({});
  one_->reception().Expect(0, told.blocks);
  // It waits for the block that is being written.
  ASSERT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
    return status.bytes_received == kManifestBlock;
  }));
  {
    absl::MutexLock lock(&script_->mutex);
    script_->holds = false;
    script_->held();
  }
  EXPECT_EQ(Accept().offset, 3 * kManifestBlock);
  EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
  write.Release();
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_EQ(asked.offset, kManifestBlock);
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent().substr(asked.offset)));
  ExpectWhole();
}

TEST_F(ResumableReceptionTest, ConnectionOfASilentSourceIsGivenUp) {
  Begin();
  Accept();
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent().substr(0, 777)));
  ASSERT_TRUE(WaitForBytes(777));
  const absl::Status silence = absl::DeadlineExceededError("it says nothing");
  const absl::Time deadline = absl::Now() + kDeadline;
  const auto has_asked = [this] {
    absl::MutexLock lock(&script_->mutex);
    return !script_->asked.empty();
  };
  // Not before nothing has come for a while.
  while (!has_asked() && absl::Now() < deadline) {
    one_->reception().FallenSilent(silence);
    absl::SleepFor(absl::Milliseconds(50));
  }
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_EQ(asked.lost, absl::UnavailableError("it says nothing"));
  ASSERT_TRUE(sender_.Send(LongContent().substr(asked.offset)));
  ExpectWhole();
}

TEST_F(ResumableReceptionTest, PartialFileOfWhatCannotGoOnIsRemoved) {
  ReceptionOptions options;
  options.goes_on_later = false;
  Begin(std::move(options));
  Accept();
  ASSERT_TRUE(sender_.Send(LongContent().substr(0, 777)));
  ASSERT_TRUE(WaitForBytes(777));
  one_->engine().Stop();
  EXPECT_EQ(one_->recorder->status().state, ReceptionState::kInterrupted);
  one_->Finish();
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(ResumableReceptionTest, UpstreamGivesUp) {
  Begin();
  Accept();
  {
    absl::MutexLock lock(&script_->mutex);
    script_->refusals.push_back(absl::UnavailableError("nobody is left"));
  }
  sender_.Reset();
  const ReceptionStatus status = one_->recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kConnectionLost);
  EXPECT_EQ(status.detail, "nobody is left");
  one_->Finish();
  EXPECT_TRUE(folder_.Names().empty());
}

// The first attempt is stopped when this much is in the range map.
class RestartTest : public ResumableReceptionTest {
 protected:
  static constexpr uint64_t kKept = 3 * kManifestBlock;

  void StopAtACheckpoint() {
    Begin();
    Accept();
    Announce(LongContent());
    ASSERT_TRUE(sender_.Send(LongContent().substr(0, kKept)));
    ASSERT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
      return status.bytes_durable == kKept;
    }));
    // Behind the checkpoint, not in the map.
    ASSERT_TRUE(sender_.Send(LongContent().substr(kKept, 777)));
    ASSERT_TRUE(WaitForBytes(kKept + 777));
    one_->engine().Stop();
    EXPECT_EQ(one_->recorder->status().state, ReceptionState::kInterrupted);
    EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
    one_->Finish();
    EXPECT_EQ(folder_.Names(),
              (Names{".tcptool-part.r1", ".tcptool-part.r1.map"}));
    WaitUntilUnlocked(".tcptool-part.r1");
  }
  // A thread that the engine does not wait for closes the file, with which its
  // lock goes.
  void WaitUntilUnlocked(const std::string& name) {
    const UniqueFd file(open(folder_.path(name).c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(file.valid());
    ASSERT_EQ(flock(file.get(), LOCK_EX), 0);
  }
  void BeginAgain(bool sha256 = true) {
    ReceptionOptions options;
    options.resume = true;
    options.compute_sha256 = sha256;
    Begin(std::move(options));
  }
};

TEST_F(RestartTest, GoesOnWhereTheLastCheckpointWas) {
  StopAtACheckpoint();
  BeginAgain();
  EXPECT_EQ(Accept().offset, kKept);
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent().substr(kKept)));
  ExpectWhole();
  EXPECT_EQ(one_->recorder->status().bytes_resumed, kKept);
  EXPECT_EQ(one_->recorder->status().sha256, Sha256Of(LongContent()));
}

TEST_F(RestartTest, SourceHasAnotherContentNow) {
  StopAtACheckpoint();
  BeginAgain();
  EXPECT_EQ(Accept().offset, kKept);
  std::string content = LongContent();
  content[kManifestBlock + 1] ^= 1;
  Announce(content);
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_EQ(asked.offset, 0u);
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  Announce(content);
  ASSERT_TRUE(sender_.Send(content));
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
  EXPECT_TRUE(folder_.Get("content") == content);
  EXPECT_EQ(one_->recorder->status().sha256, Sha256Of(content));
}

TEST_F(RestartTest, FileThatWasChangedMeanwhileIsNotBelieved) {
  for (const bool sha256 : {false, true}) {
    StopAtACheckpoint();
    folder_.Spoil(".tcptool-part.r1", kManifestBlock + 100);
    BeginAgain(sha256);
    EXPECT_EQ(Accept().offset, kKept);
    Announce(LongContent());
    // All of it is fetched again.
    const ScriptedUpstream::Asked asked = Accept();
    EXPECT_EQ(asked.offset, 0u);
    EXPECT_TRUE(absl::IsDataLoss(asked.lost)) << asked.lost;
    Announce(LongContent());
    ASSERT_TRUE(sender_.Send(LongContent()));
    ExpectWhole();
    std::filesystem::remove(folder_.path("content"));
  }
}

}  // namespace
}  // namespace tcptool::dataplane
