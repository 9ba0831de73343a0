// When a feed lets the end of its content go, and what it answers until then.
#include "dataplane/content/held_feed.h"

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <memory>
#include <semaphore>
#include <span>
#include <string>

#include "absl/synchronization/notification.h"

namespace tcptool::dataplane {
namespace {

constexpr uint64_t kBlock = uint64_t{1} << 20;

// Answers with all that is left, as a file or from memory.
class WholeFeed : public Feed {
 public:
  explicit WholeFeed(uint64_t length) : content_(length, 'x') {}

  Piece At(uint64_t position, SendMethod method) override {
    if (position == content_.size()) return {.kind = Piece::Kind::kEnd};
    const size_t size = content_.size() - position;
    if (method == SendMethod::kZeroCopy) {
      return {.kind = Piece::Kind::kFile, .offset = position, .size = size};
    }
    return {.kind = Piece::Kind::kData,
            .data = std::as_bytes(std::span(content_)).subspan(position)};
  }
  void Moved(uint64_t, uint64_t) override {}
  absl::Status error() const override { return absl::OkStatus(); }
  void Verify(Verified done) override { done(absl::OkStatus()); }

 private:
  const std::string content_;
};

class FakeCheck : public WholeCheck {
 public:
  bool IsRight() const override { return is_right_; }
  absl::Status error() const override {
    return has_failed_ ? absl::DataLossError("wrong") : absl::OkStatus();
  }
  uint64_t position() const override { return position_; }

  void SetRight() { is_right_ = true; }
  void Fail() { has_failed_ = true; }
  void Move() { ++position_; }

 private:
  std::atomic<bool> is_right_ = false;
  std::atomic<bool> has_failed_ = false;
  std::atomic<uint64_t> position_ = 0;
};

class HeldFeedTest : public testing::Test {
 protected:
  ~HeldFeedTest() override {
    Forget();
    disk_.Join();
  }

  void Open(uint64_t length) {
    OnLane([&] {
      feed_ = std::make_unique<HeldFeed>(std::make_unique<WholeFeed>(length),
                                         check_, length, lane_,
                                         [this] { woken_.release(); });
    });
  }
  void Forget() {
    OnLane([this] { feed_ = nullptr; });
  }
  Piece At(uint64_t position, SendMethod method = SendMethod::kCopy) {
    Piece piece;
    OnLane([&] { piece = feed_->At(position, method); });
    return piece;
  }
  // Asks at each wake, until it waits for a disk, or for none.
  void AwaitWait(uint64_t position, bool of_disk) {
    for (;;) {
      const Piece piece = At(position);
      ASSERT_EQ(piece.kind, Piece::Kind::kWait);
      if (piece.of_disk == of_disk) return;
      woken_.acquire();
    }
  }
  template <typename Function>
  void OnLane(Function function) {
    absl::Notification done;
    asio::post(lane_.io(), [&] {
      function();
      done.Notify();
    });
    done.WaitForNotification();
  }

  const std::shared_ptr<FakeCheck> check_ = std::make_shared<FakeCheck>();
  std::counting_semaphore<> woken_{0};
  DiskThreads disk_;
  Lane lane_{SocketApi::Real(), disk_};
  std::unique_ptr<Feed> feed_;
};

TEST_F(HeldFeedTest, PiecesEndWhereTheLastBlockBegins) {
  for (const uint64_t last : {uint64_t{1}, kBlock - 1, kBlock}) {
    Open(2 * kBlock + last);
    EXPECT_EQ(At(0).data.size(), 2 * kBlock);
    EXPECT_EQ(At(kBlock + 7).data.size(), kBlock - 7);
    EXPECT_EQ(At(2 * kBlock - 1).data.size(), 1U);
    EXPECT_EQ(At(0, SendMethod::kZeroCopy).size, 2 * kBlock);
    for (const auto method : {SendMethod::kCopy, SendMethod::kZeroCopy}) {
      EXPECT_EQ(At(2 * kBlock, method).kind, Piece::Kind::kWait);
      EXPECT_EQ(At(2 * kBlock + last, method).kind, Piece::Kind::kWait);
    }
  }
}

TEST_F(HeldFeedTest, AllGoesOnceItIsRight) {
  Open(kBlock + 1);
  EXPECT_EQ(At(kBlock).kind, Piece::Kind::kWait);
  check_->SetRight();
  woken_.acquire();
  EXPECT_EQ(At(kBlock).data.size(), 1U);
  EXPECT_EQ(At(0).data.size(), kBlock + 1);
  EXPECT_EQ(At(kBlock + 1).kind, Piece::Kind::kEnd);
}

TEST_F(HeldFeedTest, EndOfNothingIsHeldToo) {
  Open(0);
  EXPECT_EQ(At(0).kind, Piece::Kind::kWait);
  check_->SetRight();
  woken_.acquire();
  EXPECT_EQ(At(0).kind, Piece::Kind::kEnd);
}

TEST_F(HeldFeedTest, WhatIsWrongIsNotSent) {
  Open(kBlock + 1);
  EXPECT_EQ(At(kBlock).kind, Piece::Kind::kWait);
  check_->Fail();
  woken_.acquire();
  EXPECT_EQ(At(kBlock).kind, Piece::Kind::kError);
  absl::Status error;
  OnLane([&] { error = feed_->error(); });
  EXPECT_TRUE(absl::IsDataLoss(error)) << error;
}

TEST_F(HeldFeedTest, DiskThatReadsOnIsNotWaitedFor) {
  Open(1);
  EXPECT_FALSE(At(0).of_disk);
  AwaitWait(0, /*of_disk=*/true);
  check_->Move();
  AwaitWait(0, /*of_disk=*/false);
  AwaitWait(0, /*of_disk=*/true);
}

TEST_F(HeldFeedTest, MayGoWhileItWaits) {
  Open(1);
  EXPECT_EQ(At(0).kind, Piece::Kind::kWait);
  Forget();
}

}  // namespace
}  // namespace tcptool::dataplane
