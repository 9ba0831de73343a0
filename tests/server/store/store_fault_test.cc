// What the store does where its file is held, damaged, or has no room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <future>

#include "server/store/store.h"
#include "server/store/store_file.h"
#include "tests/server/error_reason.h"
#include "tests/server/store/stores.h"

namespace tcptool::server {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using StoreFaultTest = StoreTest;

TEST_F(StoreFaultTest, OneProcessAtATime) {
  const auto store = Open();
  const auto second =
      Store::Open(path_, [](const char*, absl::Duration, bool) {});
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(path_ + ": another tcptoold uses it"));
}

TEST_F(StoreFaultTest, WaitsForAnotherProcessThatHoldsTheDatabase) {
  auto store = Open();
  Load(*store);
  auto other = SqliteDatabase::Open(path_);
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_TRUE(other->Run("BEGIN EXCLUSIVE").ok());
  store->PutSession(Session("sessions/a"), {});
  std::promise<absl::Status> result;
  store->WhenDurable(
      [&](const absl::Status& status) { result.set_value(status); });
  std::future<absl::Status> durable = result.get_future();
  EXPECT_EQ(durable.wait_for(std::chrono::milliseconds(500)),
            std::future_status::timeout);
  ASSERT_TRUE(other->Run("COMMIT").ok());
  EXPECT_TRUE(durable.get().ok());
  EXPECT_THAT(Reopen(store).sessions, SizeIs(1));
}

TEST_F(StoreFaultTest, RowThatIsNoMessageIsDataLoss) {
  auto store = Open();
  Load(*store);
  store->PutSession(Session("sessions/a"), {});
  store = nullptr;
  auto database = SqliteDatabase::Open(path_);
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(database->Run("UPDATE sessions SET status = x'ff'").ok());
  store = Open();
  const absl::Status status = store->Load().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

// A limit on the size of files is as a full disk is (setrlimit(2)).
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST_F(StoreFaultTest, WritesWhatFailedOnceThereIsRoom) {
  auto store = Open();
  Load(*store);
  store->PutSession(Session("sessions/before"), {});
  ASSERT_TRUE(store->WaitUntilDurable().ok());
  {
    const FullDisk full(64 << 10);
    v1::Session large = Session("sessions/large");
    large.mutable_spec()->mutable_file()->set_path(std::string(1 << 20, 'x'));
    store->PutSession(large, {});
    const absl::Status status = store->WaitUntilDurable();
    EXPECT_FALSE(status.ok());
    // Whether a part of it could be written decides which.
    EXPECT_THAT(ReasonOf(status),
                AnyOf("STATE_STORAGE_FULL", "STATE_STORAGE_UNAVAILABLE"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
    EXPECT_EQ(store->health(), status);
  }
  EXPECT_TRUE(store->WaitUntilDurable().ok());
  EXPECT_TRUE(store->health().ok());
  const Store::Contents contents = Reopen(store);
  ASSERT_THAT(contents.sessions, SizeIs(2));
  EXPECT_EQ(contents.sessions[1].session.spec().file().path().size(), 1 << 20);
}

TEST_F(StoreFaultTest, WhatFailedAndIsTakenBackIsNotWritten) {
  auto store = Open();
  Load(*store);
  {
    const FullDisk full(64 << 10);
    v1::Session large = Session("sessions/large");
    large.mutable_spec()->mutable_file()->set_path(std::string(1 << 20, 'x'));
    store->PutSession(large, {});
    store->PutRequest({"id", absl::Now(), "sessions/large", "fingerprint"});
    EXPECT_FALSE(store->WaitUntilDurable().ok());
    store->DeleteSession("sessions/large");
    store->DeleteRequest(RequestKind::kSession, "id");
    EXPECT_TRUE(store->WaitUntilDurable().ok());
  }
  const Store::Contents contents = Reopen(store);
  EXPECT_THAT(contents.sessions, IsEmpty());
  EXPECT_THAT(contents.requests, IsEmpty());
}

}  // namespace
}  // namespace tcptool::server
