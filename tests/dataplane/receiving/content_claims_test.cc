// What a source says of its content - digests, length and root - may come at
// any time; what contradicts itself is found out, and never taken.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/dataplane/receiving/resumable_receptions.h"

namespace tcptool::dataplane {
namespace {

using ContentClaimsTest = ResumableReceptionTest;

TEST_F(ContentClaimsTest, AnnouncementMayComeBehindTheContent) {
  Begin();
  Accept();
  ASSERT_TRUE(sender_.Send(LongContent()));
  ASSERT_TRUE(WaitForBytes(kLongSize));
  Announce(LongContent());
  ExpectWhole();
}

TEST_F(ContentClaimsTest, AnnouncementMayComeBehindTheSendersEnd) {
  Begin();
  Accept();
  ASSERT_TRUE(sender_.Send(LongContent()));
  sender_.End();
  ASSERT_TRUE(WaitForBytes(kLongSize));
  Announce(LongContent());
  ExpectWhole();
  EXPECT_EQ(one_->recorder->status().connections, 1u);
}

TEST_F(ContentClaimsTest, DigestThatWasWrongMayBeToldAnew) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(LongContent());
  std::vector<Digest> wrong = manifest.blocks;
  wrong[3] = Sha256Of("another");
  one_->reception().Expect(0, wrong);
  sender_.Send(LongContent());
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  EXPECT_EQ(asked.offset, 3 * kManifestBlock);
  one_->reception().Expect(
      3, {manifest.blocks.begin() + 3, manifest.blocks.end()});
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Root(manifest)});
  ASSERT_TRUE(sender_.Send(LongContent().substr(asked.offset)));
  ExpectWhole();
}

TEST_F(ContentClaimsTest, BadBlockThatIsKnownAtTheEndOnly) {
  Begin();
  Accept();
  std::string wrong = LongContent();
  wrong.back() ^= 1;  // The last block, which is shorter.
  ASSERT_TRUE(sender_.Send(wrong));
  ASSERT_TRUE(WaitForBytes(kLongSize));
  Announce(LongContent());
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  EXPECT_EQ(asked.offset, 6 * kManifestBlock);
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent().substr(asked.offset)));
  ExpectWhole();
}

TEST_F(ContentClaimsTest, RootThatDoesNotFitIsNotBelieved) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(LongContent());
  one_->reception().Expect(0, manifest.blocks);
  ASSERT_TRUE(sender_.Send(LongContent()));
  ASSERT_TRUE(WaitForBytes(kLongSize));
  {
    absl::MutexLock lock(&script_->mutex);
    script_->refusals.push_back(absl::DataLossError("nobody is left"));
  }
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Sha256Of("another")});
  EXPECT_EQ(one_->recorder->WaitForEnd().reason,
            ReceptionReason::kDigestMismatch);
  one_->Finish();
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(ContentClaimsTest, RootThatDoesNotFitIsAskedForElsewhere) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent()));
  ASSERT_TRUE(WaitForBytes(kLongSize));
  one_->reception().Expect(0, manifest.blocks);
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Sha256Of("another")});
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  EXPECT_EQ(asked.offset, 6 * kManifestBlock);
  ASSERT_TRUE(sender_.Send(LongContent().substr(asked.offset)));
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Root(manifest)});
  ExpectWhole();
}

// As the digests are not known, it is not known yet that it does not fit.
TEST_F(ContentClaimsTest, RootThatDoesNotFitTheDigestsThatComeLater) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(LongContent());
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Sha256Of("another")});
  ASSERT_TRUE(sender_.Send(LongContent()));
  ASSERT_TRUE(one_->recorder->WaitForState(ReceptionState::kVerifying));
  one_->reception().Expect(0, manifest.blocks);
  EXPECT_EQ(one_->recorder->WaitForEnd().reason,
            ReceptionReason::kDigestMismatch);
  one_->Finish();
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(ContentClaimsTest, AnnouncementsThatContradictEachOther) {
  for (const bool of_end : {false, true}) {
    Begin();
    Accept();
    Announce(LongContent());
    // It has been taken once the length is known.
    const auto source = one_->reception().OpenSource(Spool::Level::kVerified);
    const absl::Time deadline = absl::Now() + kDeadline;
    while (!source->length() && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    ASSERT_EQ(source->length(), kLongSize);
    if (of_end) {
      one_->reception().ExpectEnd(
          {.length = kLongSize - 1, .root = Root(ManifestOf(LongContent()))});
    } else {
      one_->reception().Expect(2, {Sha256Of("another")});
    }
    EXPECT_EQ(one_->recorder->WaitForEnd().reason,
              ReceptionReason::kDigestMismatch);
    one_->Finish();
    EXPECT_TRUE(folder_.Names().empty());
  }
}

TEST_F(ContentClaimsTest, MoreThanWasAnnounced) {
  Begin();
  Accept();
  ASSERT_TRUE(sender_.Send(LongContent()));
  ASSERT_TRUE(WaitForBytes(kLongSize));
  one_->reception().ExpectEnd({.length = kLongSize - 1, .root = Sha256Of("")});
  EXPECT_EQ(one_->recorder->WaitForEnd().reason,
            ReceptionReason::kLengthMismatch);
  EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
}

TEST_F(ContentClaimsTest, DigestsThatNeverCome) {
  ReceptionOptions options;
  options.stall_timeout = absl::Milliseconds(300);
  Begin(std::move(options));
  one_->reception().ExpectEnd({.length = 1, .root = Root(ManifestOf("x"))});
  Accept();
  ASSERT_TRUE(sender_.Send("x"));
  const ReceptionStatus status = one_->recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kStalled);
}

}  // namespace
}  // namespace tcptool::dataplane
