// Disks that do not answer: what they hold up, and for how long.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>

#include "tests/dataplane/faults.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kSmall = 5'000;

// A file in memory. Its disk answers no question for the file's state from the
// `first` on (0 is the first of all), and no read, until it is told to.
class HangingFile : public RandomAccessFile {
 public:
  HangingFile(int first, bool reads_hang)
      : first_(first), reads_hang_(reads_hang) {}

  absl::StatusOr<FileState> State() const override {
    if (asked_++ >= first_) Hang();
    return FileState{.size = kSmall};
  }
  ssize_t ReadCached(uint64_t offset, std::span<std::byte> buffer) override {
    std::memcpy(buffer.data(), content_.data() + offset, buffer.size());
    return static_cast<ssize_t>(buffer.size());
  }
  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override {
    if (reads_hang_) Hang();
    return ReadCached(offset, buffer);
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
  void Hang() const {
    hanging_ = true;
    hanging_.notify_all();
    released_.wait(false);
  }

  const std::string content_ = Content(kSmall);
  const int first_;
  const bool reads_hang_;
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
  void Open(int first, bool reads_hang, SessionOptions options) {
    file_ = std::make_shared<HangingFile>(first, reads_hang);
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
  Open(kBeforeTheEnd, false, Impatient());
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
  Open(kAsPrepared, false, Impatient());
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
  Open(kNever, true, options);
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
  Open(kAsPrepared, true, options);
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
  Open(kBeforeTheEnd, false, {});
  const auto peer = StartingPeer();
  file_->AwaitHanging();
  peer->HalfClose();
  const absl::Time released = absl::Now();
  file_->Release();
  EXPECT_EQ(peer->Read().data.size(), kSmall);  // To the end.
  EXPECT_GE(absl::Now() - released, absl::FromChrono(Delivery::kGrace));
  EXPECT_EQ(recorder().WaitForEnd(), SessionState::kSucceeded);
}

}  // namespace
}  // namespace tcptool::dataplane
