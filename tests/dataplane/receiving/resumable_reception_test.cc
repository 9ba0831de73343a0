// A reception from a source that has the content from any offset goes on after
// whatever happens to a connection, and takes nothing but the announced blocks.
#include <gtest/gtest.h>

#include <cstring>
#include <deque>

#include "absl/time/clock.h"
#include "tests/dataplane/receiving/receptions.h"

namespace tcptool::dataplane {
namespace {

using Names = std::set<std::string>;

constexpr size_t kSize = 6 * kManifestBlock + 54'321;

const std::string& TheContent() {
  static const std::string content = Content(kSize);
  return content;
}

// Gives each connection that is asked for to the test.
class ScriptedUpstream : public Upstream {
 public:
  struct Asked {
    uint64_t offset = 0;
    absl::Status lost;
  };
  // Shared with the test, which is not on the lane.
  struct Script {
    absl::Mutex mutex;
    std::deque<Asked> asked ABSL_GUARDED_BY(mutex);
    // Answers in place of connections, from the first on.
    std::deque<absl::Status> refusals ABSL_GUARDED_BY(mutex);
  };

  ScriptedUpstream(const ScriptedSender& sender, std::shared_ptr<Script> script)
      : port_(sender.port()), script_(std::move(script)) {}

  bool resumable() const override { return true; }
  void Connect(Lane&, uint64_t offset, const absl::Status& lost,
               Done done) override {
    absl::Status refusal;
    {
      absl::MutexLock lock(&script_->mutex);
      script_->asked.push_back({offset, lost});
      if (!script_->refusals.empty()) {
        refusal = script_->refusals.front();
        script_->refusals.pop_front();
      }
    }
    if (!refusal.ok()) return done(refusal);
    // Over loopback: the listener's queue takes it at once.
    Peer peer(port_);
    UniqueFd socket(fcntl(peer.fd(), F_DUPFD_CLOEXEC, 0));
    ResetOnClose(socket.get());
    fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    done(std::move(socket));
  }
  void Cancel() override {}

 private:
  const uint16_t port_;
  const std::shared_ptr<Script> script_;
};

class ResumableReceptionTest : public testing::Test {
 protected:
  void Begin(ReceptionOptions options = {}, const EngineOptions& engine = {}) {
    one_ = std::make_unique<OneReception>(
        std::make_unique<ScriptedUpstream>(sender_, script_), folder_,
        std::move(options), engine);
  }
  // The next connection that the reception has asked for.
  ScriptedUpstream::Asked Accept() {
    sender_.Accept();
    absl::MutexLock lock(&script_->mutex);
    EXPECT_FALSE(script_->asked.empty());
    if (script_->asked.empty()) return {};
    const ScriptedUpstream::Asked asked = script_->asked.front();
    script_->asked.pop_front();
    return asked;
  }
  void Announce(const std::string& content) {
    const Manifest manifest = ManifestOf(content);
    one_->reception().Expect(0, manifest.blocks);
    one_->reception().ExpectEnd(
        {.length = manifest.length, .root = Root(manifest)});
  }
  bool WaitForBytes(uint64_t bytes) {
    return one_->recorder->WaitForBytes(bytes);
  }
  void ExpectWhole() {
    const ReceptionStatus status = one_->recorder->WaitForEnd();
    absl::MutexLock lock(&script_->mutex);
    EXPECT_EQ(status.state, ReceptionState::kSucceeded)
        << status.detail << " after " << status.bytes_received << " bytes; "
        << (script_->asked.empty() ? absl::OkStatus()
                                   : script_->asked.front().lost);
    EXPECT_TRUE(folder_.Get("content") == TheContent());
    EXPECT_EQ(folder_.Names(), Names{"content"});
  }

  const Folder folder_;
  ScriptedSender sender_;
  const std::shared_ptr<ScriptedUpstream::Script> script_ =
      std::make_shared<ScriptedUpstream::Script>();
  std::unique_ptr<OneReception> one_;
};

TEST_F(ResumableReceptionTest, EndsWhenAllHasComeWithoutTheSendersEnd) {
  Begin();
  EXPECT_EQ(Accept().offset, 0u);
  Announce(TheContent());
  ASSERT_TRUE(sender_.Send(TheContent()));
  EXPECT_EQ(sender_.ReadEnd(), 0);
  ExpectWhole();
}

TEST_F(ResumableReceptionTest, AnnouncementMayComeBehindTheContent) {
  Begin();
  Accept();
  ASSERT_TRUE(sender_.Send(TheContent()));
  ASSERT_TRUE(WaitForBytes(kSize));
  Announce(TheContent());
  ExpectWhole();
}

TEST_F(ResumableReceptionTest, GoesOnAfterALoss) {
  constexpr uint64_t kBlock = kManifestBlock;
  Begin();
  EXPECT_TRUE(Accept().lost.ok());
  ASSERT_TRUE(sender_.Send(TheContent().substr(0, 2 * kBlock + 777)));
  ASSERT_TRUE(WaitForBytes(2 * kBlock + 777));
  sender_.Reset();
  ScriptedUpstream::Asked asked = Accept();
  EXPECT_EQ(asked.offset, 2 * kBlock);
  EXPECT_TRUE(absl::IsUnavailable(asked.lost));
  ASSERT_TRUE(sender_.Send(TheContent().substr(2 * kBlock, 2 * kBlock + 99)));
  ASSERT_TRUE(WaitForBytes(4 * kBlock + 99));
  sender_.End();  // Orderly, and before the end, as is known only later.
  Announce(TheContent());
  asked = Accept();
  EXPECT_EQ(asked.offset, 4 * kBlock);
  EXPECT_TRUE(absl::IsUnavailable(asked.lost));
  ASSERT_TRUE(sender_.Send(TheContent().substr(4 * kBlock)));
  ExpectWhole();
  EXPECT_EQ(one_->recorder->status().connections, 3u);
}

TEST_F(ResumableReceptionTest, AnnouncementMayComeBehindTheSendersEnd) {
  Begin();
  Accept();
  ASSERT_TRUE(sender_.Send(TheContent()));
  sender_.End();
  ASSERT_TRUE(WaitForBytes(kSize));
  Announce(TheContent());
  ExpectWhole();
  EXPECT_EQ(one_->recorder->status().connections, 1u);
}

TEST_F(ResumableReceptionTest, DigestThatWasWrongMayBeToldAnew) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(TheContent());
  std::vector<Digest> wrong = manifest.blocks;
  wrong[3] = Sha256Of("another");
  one_->reception().Expect(0, wrong);
  sender_.Send(TheContent());
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  EXPECT_EQ(asked.offset, 3 * kManifestBlock);
  one_->reception().Expect(
      3, {manifest.blocks.begin() + 3, manifest.blocks.end()});
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Root(manifest)});
  ASSERT_TRUE(sender_.Send(TheContent().substr(asked.offset)));
  ExpectWhole();
}

TEST_F(ResumableReceptionTest, GoesOnElsewhereAfterSilence) {
  ReceptionOptions options;
  options.stall_timeout = absl::Seconds(1);
  Begin(std::move(options));
  Announce(TheContent());
  Accept();
  ASSERT_TRUE(sender_.Send(TheContent().substr(0, kManifestBlock)));
  ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDeadlineExceeded(asked.lost));
  // Should this one be slow too, there is another.
  while (!sender_.Send(TheContent().substr(asked.offset))) asked = Accept();
  ExpectWhole();
}

TEST_F(ResumableReceptionTest, GoesOnElsewhereWhenTheEndIsNotAnnounced) {
  ReceptionOptions options;
  options.stall_timeout = absl::Milliseconds(300);
  Begin(std::move(options));
  Accept();
  // False: this thread itself has been silent for so long.
  sender_.Send(TheContent().substr(0, kManifestBlock));
  sender_.End();
  EXPECT_TRUE(absl::IsDeadlineExceeded(Accept().lost));
}

TEST_F(ResumableReceptionTest, BadBlockIsTakenFromElsewhere) {
  Begin();
  Accept();
  Announce(TheContent());
  std::string wrong = TheContent();
  wrong[3 * kManifestBlock + 99] ^= 1;
  sender_.Send(wrong);
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  EXPECT_EQ(asked.offset, 3 * kManifestBlock);
  ASSERT_TRUE(sender_.Send(TheContent().substr(asked.offset)));
  ExpectWhole();
}

TEST_F(ResumableReceptionTest, BadBlockThatIsKnownAtTheEndOnly) {
  Begin();
  Accept();
  std::string wrong = TheContent();
  wrong.back() ^= 1;  // The last block, which is shorter.
  ASSERT_TRUE(sender_.Send(wrong));
  ASSERT_TRUE(WaitForBytes(kSize));
  Announce(TheContent());
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  EXPECT_EQ(asked.offset, 6 * kManifestBlock);
  ASSERT_TRUE(sender_.Send(TheContent().substr(asked.offset)));
  ExpectWhole();
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

TEST_F(ResumableReceptionTest, RootThatDoesNotFitIsNotBelieved) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(TheContent());
  one_->reception().Expect(0, manifest.blocks);
  ASSERT_TRUE(sender_.Send(TheContent()));
  ASSERT_TRUE(WaitForBytes(kSize));
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

TEST_F(ResumableReceptionTest, RootThatDoesNotFitIsAskedForElsewhere) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(TheContent());
  ASSERT_TRUE(sender_.Send(TheContent()));
  ASSERT_TRUE(WaitForBytes(kSize));
  one_->reception().Expect(0, manifest.blocks);
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Sha256Of("another")});
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  EXPECT_EQ(asked.offset, 6 * kManifestBlock);
  ASSERT_TRUE(sender_.Send(TheContent().substr(asked.offset)));
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Root(manifest)});
  ExpectWhole();
}

// As the digests are not known, it is not known yet that it does not fit.
TEST_F(ResumableReceptionTest, RootThatDoesNotFitTheDigestsThatComeLater) {
  Begin();
  Accept();
  const Manifest manifest = ManifestOf(TheContent());
  one_->reception().ExpectEnd(
      {.length = manifest.length, .root = Sha256Of("another")});
  ASSERT_TRUE(sender_.Send(TheContent()));
  ASSERT_TRUE(one_->recorder->WaitForState(ReceptionState::kVerifying));
  one_->reception().Expect(0, manifest.blocks);
  EXPECT_EQ(one_->recorder->WaitForEnd().reason,
            ReceptionReason::kDigestMismatch);
  one_->Finish();
  EXPECT_TRUE(folder_.Names().empty());
}

TEST_F(ResumableReceptionTest, AnnouncementsThatContradictEachOther) {
  for (const bool of_end : {false, true}) {
    Begin();
    Accept();
    Announce(TheContent());
    // It has been taken once the length is known.
    const auto source = one_->reception().OpenSource(Spool::Level::kVerified);
    const absl::Time deadline = absl::Now() + kDeadline;
    while (!source->length() && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    ASSERT_EQ(source->length(), kSize);
    if (of_end) {
      one_->reception().ExpectEnd(
          {.length = kSize - 1, .root = Root(ManifestOf(TheContent()))});
    } else {
      one_->reception().Expect(2, {Sha256Of("another")});
    }
    EXPECT_EQ(one_->recorder->WaitForEnd().reason,
              ReceptionReason::kDigestMismatch);
    one_->Finish();
    EXPECT_TRUE(folder_.Names().empty());
  }
}

TEST_F(ResumableReceptionTest, MoreThanWasAnnounced) {
  Begin();
  Accept();
  ASSERT_TRUE(sender_.Send(TheContent()));
  ASSERT_TRUE(WaitForBytes(kSize));
  one_->reception().ExpectEnd({.length = kSize - 1, .root = Sha256Of("")});
  EXPECT_EQ(one_->recorder->WaitForEnd().reason,
            ReceptionReason::kLengthMismatch);
  EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
}

TEST_F(ResumableReceptionTest, DigestsThatNeverCome) {
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

// The first attempt is stopped when this much is in the range map.
class RestartTest : public ResumableReceptionTest {
 protected:
  static constexpr uint64_t kKept = 3 * kManifestBlock;

  void StopAtACheckpoint() {
    Begin();
    Accept();
    Announce(TheContent());
    ASSERT_TRUE(sender_.Send(TheContent().substr(0, kKept)));
    ASSERT_TRUE(one_->recorder->WaitFor([](const ReceptionStatus& status) {
      return status.bytes_durable == kKept;
    }));
    // Behind the checkpoint, not in the map.
    ASSERT_TRUE(sender_.Send(TheContent().substr(kKept, 777)));
    ASSERT_TRUE(WaitForBytes(kKept + 777));
    one_->engine().Stop();
    EXPECT_EQ(one_->recorder->status().state, ReceptionState::kInterrupted);
    EXPECT_EQ(sender_.ReadEnd(), ECONNRESET);
    one_->Finish();
    EXPECT_EQ(folder_.Names(),
              (Names{".tcptool-part.r1", ".tcptool-part.r1.map"}));
  }
  void BeginAgain() {
    ReceptionOptions options;
    options.resume = true;
    options.compute_sha256 = true;
    Begin(std::move(options));
  }
};

TEST_F(RestartTest, GoesOnWhereTheLastCheckpointWas) {
  StopAtACheckpoint();
  BeginAgain();
  EXPECT_EQ(Accept().offset, kKept);
  Announce(TheContent());
  ASSERT_TRUE(sender_.Send(TheContent().substr(kKept)));
  ExpectWhole();
  EXPECT_EQ(one_->recorder->status().bytes_resumed, kKept);
  EXPECT_EQ(one_->recorder->status().sha256, Sha256Of(TheContent()));
}

TEST_F(RestartTest, SourceHasAnotherContentNow) {
  StopAtACheckpoint();
  BeginAgain();
  EXPECT_EQ(Accept().offset, kKept);
  std::string content = TheContent();
  content[kManifestBlock + 1] ^= 1;
  Announce(content);
  const ScriptedUpstream::Asked asked = Accept();
  EXPECT_EQ(asked.offset, 0u);
  EXPECT_TRUE(absl::IsDataLoss(asked.lost));
  ASSERT_TRUE(sender_.Send(content));
  EXPECT_EQ(one_->recorder->WaitForEnd().state, ReceptionState::kSucceeded);
  EXPECT_TRUE(folder_.Get("content") == content);
  EXPECT_EQ(one_->recorder->status().sha256, Sha256Of(content));
}

TEST_F(RestartTest, FileThatWasChangedMeanwhileIsNotBelieved) {
  StopAtACheckpoint();
  std::fstream(folder_.path(".tcptool-part.r1"),
               std::ios::in | std::ios::out | std::ios::binary)
      .seekp(100)
      .put('!');
  BeginAgain();
  Accept();
  Announce(TheContent());
  ASSERT_TRUE(sender_.Send(TheContent().substr(kKept)));
  const ReceptionStatus status = one_->recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  EXPECT_EQ(status.reason, ReceptionReason::kDestinationFailed);
  one_->Finish();
  EXPECT_TRUE(folder_.Names().empty());
}

}  // namespace
}  // namespace tcptool::dataplane
