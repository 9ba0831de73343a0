// What a source says of its content - digests, length and root - may come at
// any time; what contradicts itself is found out, and never taken.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/dataplane/receiving/held_call.h"
#include "tests/dataplane/receiving/resumable_receptions.h"

namespace tcptool::dataplane {
namespace {

class ContentClaimsTest : public ResumableReceptionTest {
 protected:
  // As an honest source that is asked then: tells what was forgotten, and sends
  // the rest.
  void GoOnFrom(const ScriptedUpstream::Asked& asked) {
    const Manifest manifest = ManifestOf(LongContent());
    const uint64_t first =
        absl::IsDataLoss(asked.lost) ? asked.offset / kManifestBlock : 0;
    ASSERT_LT(first, manifest.blocks.size());
    one_->reception().Expect(
        first, {manifest.blocks.begin() + static_cast<ptrdiff_t>(first),
                manifest.blocks.end()});
    one_->reception().ExpectEnd(
        {.length = manifest.length, .root = Root(manifest)});
    ASSERT_TRUE(sender_.Send(LongContent().substr(asked.offset)));
  }
};

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
  std::vector<Digest> wrong = ManifestOf(LongContent()).blocks;
  wrong[3] = Sha256Of("another");
  one_->reception().Expect(0, wrong);
  sender_.Send(LongContent());
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_EQ(asked.offset, 3 * kManifestBlock);
  GoOnFrom(asked);
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
  // One of the digests may be wrong, too: all are told anew.
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsFailedPrecondition(asked.lost)) << asked.lost;
  GoOnFrom(asked);
  ExpectWhole();
}

TEST_F(ContentClaimsTest, DigestThatDoesNotFitTheRootIsToldAnew) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(LongContent());
  std::vector<Digest> wrong = manifest.blocks;
  wrong[5] = Sha256Of("another");
  one_->reception().Expect(0, wrong);
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Root(manifest)});
  GoOnFrom(Accept());
  ExpectWhole();
}

TEST_F(ContentClaimsTest, RootOfWrongDigestsIsForgottenWithThem) {
  Begin();
  Accept();
  Manifest wrong = ManifestOf(LongContent());
  wrong.blocks[3] = Sha256Of("another");
  one_->reception().Expect(0, wrong.blocks);
  one_->reception().ExpectEnd({.length = wrong.length, .root = Root(wrong)});
  sender_.Send(LongContent());
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_EQ(asked.offset, 3 * kManifestBlock);
  GoOnFrom(asked);
  ExpectWhole();
}

TEST_F(ContentClaimsTest, EndThatIsNeverReachedIsNotThatOfTheNextSource) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(LongContent());
  const Manifest longer = {.length = manifest.length + 1,
                           .blocks = manifest.blocks};
  one_->reception().Expect(0, manifest.blocks);
  one_->reception().ExpectEnd({.length = longer.length, .root = Root(longer)});
  ASSERT_TRUE(sender_.Send(LongContent()));
  sender_.End();
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsUnavailable(asked.lost));
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Root(manifest)});
  ASSERT_TRUE(sender_.Send(LongContent().substr(asked.offset)));
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
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsFailedPrecondition(asked.lost)) << asked.lost;
  EXPECT_EQ(asked.offset, 6 * kManifestBlock);
  GoOnFrom(asked);
  ExpectWhole();
}

TEST_F(ContentClaimsTest, DigestsThatContradictEachOther) {
  Begin();
  Accept();
  one_->reception().Expect(0, ManifestOf(LongContent()).blocks);
  one_->reception().Expect(2, {Sha256Of("another")});
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsFailedPrecondition(asked.lost)) << asked.lost;
  GoOnFrom(asked);
  ExpectWhole();
}

// One of them, or the end, is another source's.
TEST_F(ContentClaimsTest, DigestsOfMoreBlocksThanTheContentHasAreToldAnew) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(LongContent());
  std::vector<Digest> digests = manifest.blocks;
  digests.push_back(Sha256Of("another"));
  one_->reception().Expect(0, digests);
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Root(manifest)});
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsFailedPrecondition(asked.lost)) << asked.lost;
  GoOnFrom(asked);
  ExpectWhole();
}

TEST_F(ContentClaimsTest, DigestsBehindTheEndAreToldAnew) {
  Begin();
  Accept();
  Announce(LongContent());
  ASSERT_TRUE(sender_.Send(LongContent().substr(0, kManifestBlock)));
  ASSERT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
    return status.content_length.has_value();
  }));
  one_->reception().Expect(ManifestOf(LongContent()).blocks.size(),
                           {Sha256Of("another")});
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsFailedPrecondition(asked.lost)) << asked.lost;
  GoOnFrom(asked);
  ExpectWhole();
}

// Who comes while what was doubted is dropped may be told its digests, and
// would take another source's for a contradiction.
TEST_F(ContentClaimsTest, DigestsThatWereDoubtedAreHeldAgainstNobody) {
  HeldCall call(FaultyFiles::Call::kTruncate);
  Begin({}, {.files = &call.files()});
  Accept();
  Manifest wrong = ManifestOf(LongContent().substr(0, 2 * kManifestBlock));
  one_->reception().Expect(0, wrong.blocks);
  ASSERT_TRUE(sender_.Send(LongContent().substr(0, 2 * kManifestBlock)));
  ASSERT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
    return status.bytes_durable == 2 * kManifestBlock;
  }));
  call.Hold();
  wrong.length -= kManifestBlock / 2;  // More has come.
  one_->reception().ExpectEnd({.length = wrong.length, .root = Root(wrong)});
  ASSERT_TRUE(call.WaitUntilHeld());
  const auto source = one_->reception().OpenSource(Spool::Level::kVerified);
  EXPECT_EQ(source->block_digests()->Digests(0, 9).size(), 2u);
  call.Release();
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsOutOfRange(asked.lost)) << asked.lost;
  EXPECT_EQ(asked.offset, 0u);
  EXPECT_TRUE(absl::IsUnavailable(source->block_digests()->error()));
  GoOnFrom(asked);
  ExpectWhole();
  one_->Finish();  // It refers to `files`.
}

// It tells one content from its first block to its end.
TEST_F(ContentClaimsTest, ContentThatIsNotTheExpectedOneIsReplaced) {
  ReceptionOptions options;
  options.expected_root = Root(ManifestOf(LongContent()));
  Begin(std::move(options));
  Accept();
  std::string wrong = LongContent();
  for (size_t at = 0; at < kLongSize; at += kManifestBlock) wrong[at] ^= 1;
  const Manifest manifest = ManifestOf(wrong);
  const auto source = one_->reception().OpenSource(Spool::Level::kVerified);
  one_->reception().Expect(0, manifest.blocks);
  ASSERT_TRUE(sender_.Send(wrong.substr(0, 3 * kManifestBlock)));
  ASSERT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
    return status.bytes_verified == 3 * kManifestBlock;
  }));
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Root(manifest)});
  ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsFailedPrecondition(asked.lost)) << asked.lost;
  EXPECT_EQ(asked.offset, 3 * kManifestBlock);
  // What came is found to be another one than the honest source's.
  one_->reception().Expect(0, ManifestOf(LongContent()).blocks);
  asked = Accept();
  EXPECT_TRUE(absl::IsDataLoss(asked.lost)) << asked.lost;
  EXPECT_EQ(asked.offset, 0u);
  GoOnFrom(asked);
  ExpectWhole();
  // Who was given some of it is told so, and is given nothing of the other.
  EXPECT_TRUE(absl::IsUnavailable(source->block_digests()->error()));
  EXPECT_TRUE(source->block_digests()->Digests(0, 9).empty());
  EXPECT_EQ(source->block_digests()->end(), std::nullopt);
}

TEST_F(ContentClaimsTest, LengthThatIsNotTheExpectedOneIsTheSourcesFault) {
  ReceptionOptions options;
  options.expected_length = kLongSize;
  Begin(std::move(options));
  Accept();
  const std::string wrong = LongContent().substr(0, 2 * kManifestBlock + 5);
  Announce(wrong);
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsOutOfRange(asked.lost)) << asked.lost;
  EXPECT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
    return status.content_length == kLongSize;
  })) << "It is the one that is expected.";
  GoOnFrom(asked);
  ExpectWhole();
}

// What the two contents have in common does not come again.
TEST_F(ContentClaimsTest, Sha256ThatIsNotTheExpectedOneIsAskedForElsewhere) {
  for (const size_t size : {kLongSize, size_t{5 * kManifestBlock}}) {
    ReceptionOptions options;
    options.expected_sha256 = Sha256Of(LongContent());
    Begin(std::move(options));
    Accept();
    std::string wrong = LongContent().substr(0, size);
    wrong[4 * kManifestBlock] ^= 1;
    Announce(wrong);
    ASSERT_TRUE(sender_.Send(wrong));
    ScriptedUpstream::Asked asked = Accept();
    EXPECT_TRUE(absl::IsFailedPrecondition(asked.lost)) << asked.lost;
    EXPECT_EQ(asked.offset, size / kManifestBlock * kManifestBlock);
    one_->reception().Expect(0, ManifestOf(LongContent()).blocks);
    asked = Accept();
    EXPECT_TRUE(absl::IsDataLoss(asked.lost)) << asked.lost;
    GoOnFrom(asked);
    ExpectWhole();
    EXPECT_EQ(one_->recorder->status().sha256, Sha256Of(LongContent()));
    std::filesystem::remove(folder_.path("content"));
  }
}

TEST_F(ContentClaimsTest, ContentOfASourceThatEndsBeforeItIsDropped) {
  Begin();
  Accept();
  const std::string wrong = Content(kLongSize + 3 * kManifestBlock);
  const auto source = one_->reception().OpenSource(Spool::Level::kVerified);
  one_->reception().Expect(0, ManifestOf(wrong).blocks);
  ASSERT_TRUE(sender_.Send(wrong));
  ASSERT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
    return status.bytes_verified > kLongSize;
  }));
  // It is for those alone that a connection is wanted to.
  one_->reception().StartAnew(absl::OutOfRangeError("it has a connection"));
  {
    absl::MutexLock lock(&script_->mutex);
    script_->holds = true;
  }
  sender_.Reset();
  ASSERT_TRUE(WaitForAsked(1));
  {
    absl::MutexLock lock(&script_->mutex);
    EXPECT_TRUE(absl::IsUnavailable(script_->asked.front().lost));
    script_->asked.clear();
    script_->holds = false;
  }
  one_->reception().StartAnew(absl::OutOfRangeError("it ends before"));
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsOutOfRange(asked.lost)) << asked.lost;
  EXPECT_EQ(asked.offset, 0u);
  GoOnFrom(asked);
  ExpectWhole();
  EXPECT_TRUE(absl::IsUnavailable(source->block_digests()->error()));
}

TEST_F(ContentClaimsTest, MoreThanWasAnnounced) {
  Begin();
  Accept();
  ASSERT_TRUE(sender_.Send(LongContent()));
  ASSERT_TRUE(WaitForBytes(kLongSize));
  one_->reception().ExpectEnd({.length = kLongSize - 1, .root = Sha256Of("")});
  EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsOutOfRange(asked.lost)) << asked.lost;
  EXPECT_EQ(asked.offset, 6 * kManifestBlock);
  GoOnFrom(asked);
  ExpectWhole();
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
