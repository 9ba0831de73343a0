// Waiting for a file system that does not answer.
#include "server/sessions/disk_worker.h"

#include <gtest/gtest.h>

#include <future>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tests/dataplane/no_threads.h"

namespace tcptool::server {
namespace {

constexpr absl::Duration kShort = absl::Milliseconds(50);
constexpr absl::Duration kLong = absl::Hours(1);

enum class End { kAnswer, kTimeout, kNoThread };

// What the work ends with. `blocked`: the work waits for this, if it is given.
std::future<End> Start(
    DiskWorker& worker,
    const std::shared_ptr<absl::Notification>& blocked = nullptr,
    DiskWorker::Kind kind = DiskWorker::Kind::kAsked) {
  auto end = std::make_shared<std::promise<End>>();
  worker.Run(
      kind,
      [blocked, end]() -> DiskWorker::Answer {
        if (blocked != nullptr) blocked->WaitForNotification();
        return [end] { end->set_value(End::kAnswer); };
      },
      [end](DiskWorker::Failure failure) {
        end->set_value(failure == DiskWorker::Failure::kTimeout
                           ? End::kTimeout
                           : End::kNoThread);
      });
  return end->get_future();
}

TEST(DiskWorkerTest, WorkThatIsDoneIsAnswered) {
  DiskWorker worker(kLong);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Start(worker).get(), End::kAnswer);
}

TEST(DiskWorkerTest, BlockedWorkIsAnsweredWhenTheDeadlineIsOver) {
  auto blocked = std::make_shared<absl::Notification>();
  DiskWorker worker(kShort);
  const absl::Time began = absl::Now();
  EXPECT_EQ(Start(worker, blocked).get(), End::kTimeout);
  EXPECT_GE(absl::Now() - began, kShort);
  blocked->Notify();  // What it finds is thrown away.
  EXPECT_EQ(Start(worker).get(), End::kAnswer);
}

TEST(DiskWorkerTest, WhereAllThreadsAreBlockedTheAnswerComesAtOnce) {
  auto blocked = std::make_shared<absl::Notification>();
  DiskWorker worker(kShort);
  std::vector<std::future<End>> ends;
  for (size_t i = 0; i < DiskWorker::kMaxThreads; ++i) {
    ends.push_back(Start(worker, blocked));
  }
  for (auto& end : ends) EXPECT_EQ(end.get(), End::kTimeout);
  // The threads may have begun a little later than the waiting.
  absl::SleepFor(kShort);
  auto late = Start(worker);
  EXPECT_EQ(late.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(late.get(), End::kTimeout);
  blocked->Notify();
}

// As listing a directory and tidying up may hang where other work does not.
void ExpectHoldsUpNothingElse(DiskWorker::Kind kind, DiskWorker::Kind other) {
  auto blocked = std::make_shared<absl::Notification>();
  DiskWorker worker(kLong);
  std::vector<std::future<End>> ends;
  for (size_t i = 0; i <= DiskWorker::kMaxThreads; ++i) {
    ends.push_back(Start(worker, blocked, kind));
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Start(worker).get(), End::kAnswer);
    EXPECT_EQ(Start(worker, nullptr, other).get(), End::kAnswer);
  }
  blocked->Notify();
  for (auto& end : ends) EXPECT_EQ(end.get(), End::kAnswer);
}

TEST(DiskWorkerTest, TidyingUpThatIsBlockedHoldsUpNothingElse) {
  ExpectHoldsUpNothingElse(DiskWorker::Kind::kTidyingUp,
                           DiskWorker::Kind::kListing);
}

TEST(DiskWorkerTest, ListingThatIsBlockedHoldsUpNothingElse) {
  ExpectHoldsUpNothingElse(DiskWorker::Kind::kListing,
                           DiskWorker::Kind::kTidyingUp);
}

TEST(DiskWorkerTest, BlockedWorkDoesNotHoldUpTidying) {
  auto blocked = std::make_shared<absl::Notification>();
  DiskWorker worker(kLong);
  std::vector<std::future<End>> ends;
  for (size_t i = 0; i < DiskWorker::kMaxThreads; ++i) {
    ends.push_back(Start(worker, blocked));
  }
  EXPECT_EQ(Start(worker, nullptr, DiskWorker::Kind::kTidyingUp).get(),
            End::kAnswer);
  blocked->Notify();
  for (auto& end : ends) EXPECT_EQ(end.get(), End::kAnswer);
}

TEST(DiskWorkerTest, WhereNoThreadCanBeHadThatIsTheAnswer) {
  DiskWorker worker(kLong);
  {
    const dataplane::NoThreads none;
    EXPECT_EQ(Start(worker).get(), End::kNoThread);
  }
  EXPECT_EQ(Start(worker).get(), End::kAnswer);
  // One thread is enough.
  const dataplane::NoThreads none;
  auto released = std::make_shared<absl::Notification>();
  auto first = Start(worker, released);
  auto second = Start(worker);
  released->Notify();
  EXPECT_EQ(first.get(), End::kAnswer);
  EXPECT_EQ(second.get(), End::kAnswer);
}

TEST(DiskWorkerTest, PendingWorkIsAnsweredWhenAsked) {
  auto blocked = std::make_shared<absl::Notification>();
  DiskWorker worker(kLong);
  auto end = Start(worker, blocked);
  worker.AnswerPending();
  EXPECT_EQ(end.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(end.get(), End::kTimeout);
  blocked->Notify();
}

TEST(DiskWorkerTest, BlockedThreadDoesNotHoldTheEndUp) {
  auto blocked = std::make_shared<absl::Notification>();
  std::future<End> end;
  const absl::Time began = absl::Now();
  {
    DiskWorker worker(kLong);
    end = Start(worker, blocked);
  }
  EXPECT_LT(absl::Now() - began, absl::Minutes(1));
  EXPECT_EQ(end.get(), End::kTimeout);
  blocked->Notify();
}

}  // namespace
}  // namespace tcptool::server
