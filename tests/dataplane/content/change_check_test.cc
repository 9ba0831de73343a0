// When a feed looks at its file, and who shares the look.
#include "dataplane/content/change_check.h"

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <memory>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

namespace tcptool::dataplane {
namespace {

// A file whose state is asked for one call at a time, when the test allows it.
class FakeFile : public RandomAccessFile {
 public:
  absl::StatusOr<FileState> State() const override {
    absl::MutexLock lock(&mutex_);
    ++asked_;
    const auto allowed = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return allowed_ > 0;
    };
    const FileState state = state_;  // Looked up now; the answer comes later.
    mutex_.Await(absl::Condition(&allowed));
    --allowed_;
    return state;
  }
  ssize_t ReadCached(uint64_t, std::span<std::byte>) override { return -EIO; }
  ssize_t Read(uint64_t, std::span<std::byte>) override { return -EIO; }
  bool Cached(uint64_t, size_t) override { return false; }
  int descriptor() const override { return -1; }

  void Allow(int calls) {
    absl::MutexLock lock(&mutex_);
    allowed_ += calls;
  }
  void SetSize(uint64_t size) {
    absl::MutexLock lock(&mutex_);
    state_.size = size;
  }
  void SetLinks(uint64_t links, absl::Time changed) {
    absl::MutexLock lock(&mutex_);
    state_.links = links;
    state_.changed = changed;
  }
  void AwaitAsked(int calls) {
    absl::MutexLock lock(&mutex_);
    const auto asked = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return asked_ >= calls;
    };
    mutex_.Await(absl::Condition(&asked));
  }
  int asked() const {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }

 private:
  mutable absl::Mutex mutex_;
  FileState state_ ABSL_GUARDED_BY(mutex_) = {.links = 1};
  mutable int asked_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable int allowed_ ABSL_GUARDED_BY(mutex_) = 0;
};

class ChangeCheckTest : public testing::Test {
 protected:
  ~ChangeCheckTest() override {
    file_->Allow(1000);
    disk_.Join();
    OnLane([this] { check_ = nullptr; });
  }

  void OnLane(const std::function<void()>& call) {
    absl::Notification done;
    asio::post(lane_.io(), [&] {
      call();
      done.Notify();
    });
    done.WaitForNotification();
  }
  // Answers come to answers_.
  void Ask() {
    OnLane([this] {
      check_->Ask([this](const absl::Status& status) {
        absl::MutexLock lock(&mutex_);
        answers_.push_back(status);
      });
    });
  }
  std::vector<absl::Status> AwaitAnswers(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return answers_.size() >= count;
    };
    mutex_.Await(absl::Condition(&there));
    return answers_;
  }

  const std::shared_ptr<FakeFile> file_ = std::make_shared<FakeFile>();
  DiskThreads disk_;
  Lane lane_{SocketApi::Real(), disk_};
  std::shared_ptr<ChangeCheck> check_ =
      std::make_shared<ChangeCheck>(lane_, file_, FileState{.links = 1});
  absl::Mutex mutex_;
  std::vector<absl::Status> answers_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(ChangeCheckTest, FileThatIsTheSameIsFine) {
  file_->Allow(1);
  Ask();
  EXPECT_TRUE(AwaitAnswers(1)[0].ok());
}

TEST_F(ChangeCheckTest, WhoAsksDuringALookGetsTheNext) {
  Ask();
  file_->AwaitAsked(1);
  // Too late for the first look.
  file_->SetSize(5);
  Ask();
  Ask();
  Ask();
  file_->Allow(2);
  const std::vector<absl::Status> answers = AwaitAnswers(4);
  EXPECT_TRUE(answers[0].ok());
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_TRUE(absl::IsDataLoss(answers[i]));
    EXPECT_EQ(answers[i].message().find(
                  "the file has changed: it had 0 bytes and has 5"),
              0u)
        << answers[i];
  }
  EXPECT_EQ(file_->asked(), 2);
}

TEST_F(ChangeCheckTest, WhatHasChangedOnceStaysSo) {
  file_->Allow(2);
  file_->SetSize(5);
  Ask();
  EXPECT_FALSE(AwaitAnswers(1)[0].ok());
  file_->SetSize(0);
  Ask();
  EXPECT_FALSE(AwaitAnswers(2)[1].ok());
}

TEST_F(ChangeCheckTest, LostNameHidesNothingThatComesLater) {
  const absl::Time later = absl::UnixEpoch() + absl::Hours(1);
  file_->Allow(2);
  file_->SetLinks(0, later);
  Ask();
  EXPECT_TRUE(AwaitAnswers(1)[0].ok());
  file_->SetLinks(0, later + absl::Seconds(1));
  Ask();
  EXPECT_TRUE(absl::IsDataLoss(AwaitAnswers(2)[1]));
}

TEST_F(ChangeCheckTest, NobodyIsToldOnceItIsGone) {
  Ask();
  file_->AwaitAsked(1);
  OnLane([this] { check_ = nullptr; });
  file_->Allow(1);
  disk_.Join();
  OnLane([] {});
  EXPECT_TRUE(AwaitAnswers(0).empty());
}

TEST_F(ChangeCheckTest, LooksByItself) {
  const absl::Time later = absl::UnixEpoch() + absl::Hours(1);
  file_->Allow(1000);
  file_->SetLinks(0, later);
  OnLane([this] { check_->Start(); });
  file_->AwaitAsked(2);  // So the first has come to its end.
  file_->SetLinks(0, later + absl::Seconds(1));
  file_->AwaitAsked(4);  // So has the third.
  OnLane([this] { EXPECT_TRUE(absl::IsDataLoss(check_->status())); });
}

}  // namespace
}  // namespace tcptool::dataplane
