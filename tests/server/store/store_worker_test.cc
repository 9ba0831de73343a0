// A disk that does not answer, and who waits for it.
#include "server/store/store_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "absl/time/clock.h"
#include "server/store/store.h"
#include "tests/server/error_reason.h"
#include "tests/server/store/stores.h"

namespace tcptool::server {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Another process that holds the database is as a disk that does not answer, up
// to 10 s.
class StoreWorkerTest : public StoreTest {
 protected:
  StoreWorkerTest() {
    auto opened = Store::Open(
        path_, [](const char*, absl::Duration, bool) {},
        std::chrono::milliseconds(100));
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    Load(*store_);
    auto other = SqliteDatabase::Open(path_);
    EXPECT_TRUE(other.ok()) << other.status();
    other_.emplace(*std::move(other));
    EXPECT_TRUE(other_->Run("BEGIN EXCLUSIVE").ok());
    store_->PutSession(Session("sessions/a"), {});
  }

  std::unique_ptr<Store> store_;
  std::optional<SqliteDatabase> other_;
};

TEST_F(StoreWorkerTest, AnswersWhoWaitsAndWritesLater) {
  // The first one after the time, the next at once.
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = store_->WaitUntilDurable();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_EQ(ReasonOf(status), "STATE_STORAGE_UNAVAILABLE");
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  }
  EXPECT_TRUE(absl::IsUnavailable(store_->health()));
  store_->PutSession(Session("sessions/b"), {});
  ASSERT_TRUE(other_->Run("COMMIT").ok());
  const absl::Time end = absl::Now() + absl::Minutes(2);
  while (!store_->WaitUntilDurable().ok() && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_TRUE(store_->health().ok()) << store_->health();
  EXPECT_THAT(Reopen(store_).sessions, SizeIs(2));
}

TEST_F(StoreWorkerTest, ItsEndDoesNotWaitForTheDisk) {
  const absl::Time began = absl::Now();
  store_ = nullptr;
  // SQLite would wait for 10 s.
  EXPECT_LT(absl::Now() - began, absl::Seconds(8));
  // Until its thread has ended, no other store may write.
  const auto next =
      Store::Open(path_, [](const char*, absl::Duration, bool) {});
  EXPECT_TRUE(absl::IsFailedPrecondition(next.status())) << next.status();
  ASSERT_TRUE(other_->Run("COMMIT").ok());
}

}  // namespace
}  // namespace tcptool::server
