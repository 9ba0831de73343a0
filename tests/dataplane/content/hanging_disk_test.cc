// Disks that do not answer: what they hold up, and for how long.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>

#include "dataplane/content/stream_source.h"
#include "dataplane/content/unsized_file_source.h"
#include "tests/dataplane/disk_threads.h"
#include "tests/dataplane/faults.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kSmall = 5'000;

enum class Reads : uint8_t {
  kAnswered,
  kHang,
  kHangAndAreNeeded,  // Nothing of the file is in memory.
};

// A file in memory. Its disk answers no question for the file's state from the
// `first` on (0 is the first of all), and no read, until it is told to.
class HangingFile : public RandomAccessFile {
 public:
  HangingFile(int first, Reads reads) : first_(first), reads_(reads) {}

  absl::StatusOr<FileState> State() const override {
    if (asked_++ >= first_) Hang();
    return FileState{.size = kSmall};
  }
  ssize_t ReadCached(uint64_t offset, std::span<std::byte> buffer) override {
    if (reads_ == Reads::kHangAndAreNeeded) return -EAGAIN;
    return Copy(offset, buffer);
  }
  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override {
    if (reads_ != Reads::kAnswered) Hang();
    return Copy(offset, buffer);
  }
  bool Cached(uint64_t, size_t) override { return false; }
  int descriptor() const override { return -1; }

  // Until somebody waits for the disk.
  void AwaitHanging() const { hanging_.wait(false); }
  void Release() {
    released_ = true;
    released_.notify_all();
  }

 private:
  ssize_t Copy(uint64_t offset, std::span<std::byte> buffer) const {
    const size_t at = std::min<size_t>(offset, kSmall);
    const size_t size = std::min(buffer.size(), kSmall - at);
    std::memcpy(buffer.data(), content_.data() + at, size);
    return static_cast<ssize_t>(size);
  }
  void Hang() const {
    hanging_ = true;
    hanging_.notify_all();
    released_.wait(false);
  }

  const std::string content_ = Content(kSmall);
  const int first_;
  const Reads reads_;
  mutable std::atomic<int> asked_ = 0;
  mutable std::atomic<bool> hanging_ = false;
  std::atomic<bool> released_ = false;
};

// The source asks when it is made, when it is prepared, and before the end.
constexpr int kAsPrepared = 1;
constexpr int kBeforeTheEnd = 2;
constexpr int kNever = 1000;

class HangingDiskTest : public testing::Test {
 protected:
  void Open(int first, Reads reads, const SessionOptions& options) {
    file_ = std::make_shared<HangingFile>(first, reads);
    one_.emplace(*FileSource::Create(file_, 0, std::nullopt), options);
  }
  ~HangingDiskTest() override { file_->Release(); }

  // Whoever waits longer for the session fails the test.
  std::unique_ptr<Peer> StartingPeer() {
    auto peer = std::make_unique<Peer>(one_->port());
    const timeval deadline = absl::ToTimeval(kDeadline);
    setsockopt(peer->fd(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    peer->Say(1);
    return peer;
  }
  static SessionOptions Impatient() {
    SessionOptions options;
    options.limits.disk_timeout = absl::Milliseconds(200);
    return options;
  }
  Recorder& recorder() { return *one_->recorder; }

  std::shared_ptr<HangingFile> file_;
  std::optional<OneSession> one_;
};

TEST_F(HangingDiskTest, NobodyWaitsForeverForTheEnd) {
  Open(kBeforeTheEnd, Reads::kAnswered, Impatient());
  const auto peer = StartingPeer();
  const Peer::Result result = peer->Read();
  EXPECT_EQ(result.data.size(), kSmall);
  EXPECT_EQ(result.error, ECONNRESET);
  EXPECT_EQ(recorder().WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(recorder().recipient(1).reason, Reason::kSourceFailed);
  EXPECT_EQ(recorder().session().error.find("the disk has not said for 200ms"),
            0u)
      << recorder().session().error;
}

TEST_F(HangingDiskTest, NobodyWaitsForeverForTheStart) {
  Open(kAsPrepared, Reads::kAnswered, Impatient());
  const auto peer = StartingPeer();
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  EXPECT_EQ(recorder().WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(recorder().recipient(1).reason, Reason::kSourceFailed);
  EXPECT_EQ(recorder().session().error.find("the disk has not answered"), 0u)
      << recorder().session().error;
}

TEST_F(HangingDiskTest, SessionThatHasDeliveredWaitsNotForeverForItsDigest) {
  SessionOptions options = Impatient();
  options.compute_sha256 = true;
  Open(kNever, Reads::kHang, options);
  EXPECT_EQ(StartingPeer()->ReadAndClose().data.size(), kSmall);
  EXPECT_EQ(recorder().WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(recorder().session().content_sha256, "");
  EXPECT_NE(recorder().session().error.find("the disk has not answered"),
            std::string::npos)
      << recorder().session().error;
}

TEST_F(HangingDiskTest, DiskThatAnswersInTimeHarmsNobody) {
  SessionOptions options;
  options.compute_sha256 = true;
  Open(kAsPrepared, Reads::kHang, options);
  const auto peer = StartingPeer();
  file_->AwaitHanging();
  file_->Release();
  EXPECT_EQ(peer->ReadAndClose().error, 0);
  EXPECT_EQ(recorder().WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(recorder().session().content_sha256.size(), 64u);
}

// It cannot say by closing that it has read everything: it gets the time to say
// by a reset that it has not.
TEST_F(HangingDiskTest, WhoHalfClosesMeanwhileDidSoEarly) {
  Open(kBeforeTheEnd, Reads::kAnswered, {});
  const auto peer = StartingPeer();
  file_->AwaitHanging();
  peer->HalfClose();
  const absl::Time released = absl::Now();
  file_->Release();
  EXPECT_EQ(peer->Read().data.size(), kSmall);  // To the end.
  EXPECT_GE(absl::Now() - released, absl::FromChrono(Delivery::kGrace));
  EXPECT_EQ(recorder().WaitForEnd(), SessionState::kSucceeded);
}

TEST_F(HangingDiskTest, NobodyWaitsForeverForABlock) {
  Open(kNever, Reads::kHangAndAreNeeded, Impatient());
  const auto early = one_->ReadyPeer();
  const auto last = StartingPeer();
  EXPECT_EQ(early->Read().error, ECONNRESET);
  EXPECT_EQ(last->Read().error, ECONNRESET);
  EXPECT_EQ(recorder().WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(recorder().recipient(1).reason, Reason::kSourceFailed);
  EXPECT_EQ(recorder().recipient(2).reason, Reason::kSourceFailed);
  EXPECT_EQ(
      recorder().session().error.find("the disk has not answered for 200ms"),
      0u)
      << recorder().session().error;
}

TEST_F(HangingDiskTest, NobodyWaitsForeverForAFileThatIsReadAsAStream) {
  file_ = std::make_shared<HangingFile>(kNever, Reads::kHang);
  one_.emplace(std::make_shared<UnsizedFileSource>(file_), Impatient());
  EXPECT_EQ(StartingPeer()->Read().error, ECONNRESET);
  EXPECT_EQ(recorder().WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(recorder().recipient(1).reason, Reason::kSourceFailed);
}

TEST_F(HangingDiskTest, ProducerOfAStreamMayPauseForLongerThanADisk) {
  const auto stream = std::make_shared<StreamSource>();
  OneSession patient(stream, Impatient());
  const auto data = std::make_shared<std::string>(Content(kSmall));
  stream->Append({data, std::as_bytes(std::span(*data))});
  ReadingPeer peer(patient.port(), 1);
  ASSERT_TRUE(patient.recorder->WaitForCount(RecipientState::kTransferring, 1));
  // A disk that began to hang later is given up meanwhile.
  Open(kNever, Reads::kHangAndAreNeeded, Impatient());
  EXPECT_EQ(StartingPeer()->Read().error, ECONNRESET);
  stream->End();
  EXPECT_TRUE(peer.Join().data == *data);
  EXPECT_EQ(patient.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST_F(HangingDiskTest, BlockThatComesInTimeHarmsNobody) {
  Open(kNever, Reads::kHangAndAreNeeded, {});
  const auto peer = StartingPeer();
  file_->AwaitHanging();
  file_->Release();
  EXPECT_TRUE(peer->ReadAndClose().data == Content(kSmall));
  EXPECT_EQ(recorder().WaitForEnd(), SessionState::kSucceeded);
}

class HangingStopTest : public HangingDiskTest,
                        public testing::WithParamInterface<int> {};

// By what hangs. Without the bound, this does not come to an end.
TEST_P(HangingStopTest, EndOfTheEngineDoesNotWaitForADiskThatHangs) {
  SessionOptions options;
  options.compute_sha256 = true;
  Open(GetParam(), Reads::kHangAndAreNeeded, options);
  const auto peer = StartingPeer();
  file_->AwaitHanging();
  const auto begin = Clock::now();
  one_.reset();
  EXPECT_GE(Clock::now() - begin, Engine::kDiskPatience);
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  EXPECT_GT(DiskThreadsAlive(), 0u);
  // The disk comes back: what its threads then do harms nobody.
  file_->Release();
  EXPECT_TRUE(AwaitEndOfDiskThreads(kDeadline));
}

INSTANTIATE_TEST_SUITE_P(Steps, HangingStopTest,
                         testing::Values(kAsPrepared, kNever));

}  // namespace
}  // namespace tcptool::dataplane
