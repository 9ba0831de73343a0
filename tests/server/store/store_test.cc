// The store, on real files.
#include "server/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/store/store_file.h"
#include "tests/server/store/stores.h"

namespace tcptool::server {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(StoreTest, KeepsSessionsInTheOrderOfCreation) {
  auto store = Open();
  EXPECT_THAT(Load(*store).sessions, IsEmpty());
  for (const char* name : {"sessions/c", "sessions/a", "sessions/b"}) {
    store->PutSession(Session(name), {});
    EXPECT_TRUE(store->WaitUntilDurable().ok());
  }
  // A newer state, without the spec, which stays.
  v1::Session newer = Session("sessions/a");
  newer.set_state(v1::SESSION_STATE_TRANSFERRING);
  newer.clear_spec();
  store->PutSession(
      newer, {.last_recipient = 7, .upload_begun = true, .content = "inode 1"});
  const Store::Contents contents = Reopen(store);
  ASSERT_THAT(contents.sessions, SizeIs(3));
  EXPECT_EQ(contents.sessions[0].session.name(), "sessions/c");
  EXPECT_EQ(contents.sessions[2].session.name(), "sessions/b");
  const StoredSession& a = contents.sessions[1];
  EXPECT_EQ(a.session.state(), v1::SESSION_STATE_TRANSFERRING);
  EXPECT_EQ(a.session.spec().file().path(), "of sessions/a");
  EXPECT_EQ(a.extra.last_recipient, 7);
  EXPECT_TRUE(a.extra.upload_begun);
  EXPECT_EQ(a.extra.content, "inode 1");
}

TEST_F(StoreTest, KeepsTheNewestOfEachRecipient) {
  auto store = Open();
  Load(*store);
  store->PutSession(Session("sessions/a"), {});
  for (const uint64_t number : {10, 9, 1}) {
    store->PutRecipient(
        Recipient("sessions/a", number, v1::RECIPIENT_STATE_READY));
  }
  EXPECT_TRUE(store->WaitUntilDurable().ok());
  store->PutRecipient(Recipient("sessions/a", 9, v1::RECIPIENT_STATE_FAILED));
  store->PutRecipient(
      Recipient("sessions/a", 9, v1::RECIPIENT_STATE_DELIVERED));
  store->DeleteRecipient("sessions/a", 1);
  const Store::Contents contents = Reopen(store);
  ASSERT_THAT(contents.sessions, SizeIs(1));
  ASSERT_THAT(contents.sessions[0].recipients, SizeIs(2));
  const auto& recipients = contents.sessions[0].recipients;
  EXPECT_EQ(recipients[0].name(), "sessions/a/recipients/9");
  EXPECT_EQ(recipients[0].state(), v1::RECIPIENT_STATE_DELIVERED);
  EXPECT_EQ(recipients[1].name(), "sessions/a/recipients/10");
}

TEST_F(StoreTest, SessionOfTheSameNameHasNothingOfTheOneBefore) {
  auto store = Open();
  Load(*store);
  store->PutSession(Session("sessions/a"),
                    {.last_recipient = 5, .upload_begun = true});
  store->PutRecipient(Recipient("sessions/a", 5, v1::RECIPIENT_STATE_READY));
  EXPECT_TRUE(store->WaitUntilDurable().ok());
  store->DeleteSession("sessions/a");
  v1::Session second = Session("sessions/a");
  second.mutable_spec()->mutable_file()->set_path("another");
  store->PutSession(second, {});
  Store::Contents contents = Reopen(store);
  ASSERT_THAT(contents.sessions, SizeIs(1));
  EXPECT_EQ(contents.sessions[0].session.spec().file().path(), "another");
  EXPECT_FALSE(contents.sessions[0].extra.upload_begun);
  EXPECT_THAT(contents.sessions[0].recipients, IsEmpty());
  store->DeleteSession("sessions/a");
  EXPECT_THAT(Reopen(store).sessions, IsEmpty());
}

TEST_F(StoreTest, KeepsRequestsOldestFirst) {
  auto store = Open();
  Load(*store);
  const absl::Time now = absl::FromUnixMicros(1'700'000'000'000'001);
  const std::string fingerprint("\0\xff", 2);
  for (const auto& [id, age] : {std::pair("new", 1), {"old", 2}, {"gone", 3}}) {
    store->PutRequest(
        {id, now - absl::Seconds(age), "sessions/a", fingerprint});
  }
  store->DeleteRequest(RequestKind::kSession, "gone");
  const Store::Contents contents = Reopen(store);
  ASSERT_THAT(contents.requests, SizeIs(2));
  EXPECT_EQ(contents.requests[0].id, "old");
  EXPECT_EQ(contents.requests[1].id, "new");
  EXPECT_EQ(contents.requests[1].time, now - absl::Seconds(1));
  EXPECT_EQ(contents.requests[1].fingerprint, fingerprint);
}

TEST_F(StoreTest, RemembersThatTheSessionOfARequestIsDeleted) {
  auto store = Open();
  Load(*store);
  StoredRequest request = {"id", absl::Now(), "sessions/a", "print"};
  store->PutRequest(request);
  EXPECT_FALSE(Reopen(store).requests[0].deleted);
  request.deleted = true;
  store->PutRequest(request);
  EXPECT_TRUE(Reopen(store).requests[0].deleted);
}

TEST_F(StoreTest, KeepsTheLastUseOfEachPort) {
  auto store = Open();
  Load(*store);
  const absl::Time first = absl::UnixEpoch() + absl::Hours(1);
  store->PutPortUse({.port = 9876, .end = first});
  store->PutPortUse({.port = 65535, .end = first});
  Reopen(store);
  store->PutPortUse({.port = 9876, .end = first + absl::Seconds(1)});
  const Store::Contents contents = Reopen(store);
  ASSERT_THAT(contents.port_uses, SizeIs(2));
  EXPECT_EQ(contents.port_uses[0].port, 9876);
  EXPECT_EQ(contents.port_uses[0].end, first + absl::Seconds(1));
  EXPECT_EQ(contents.port_uses[1].port, 65535);
  EXPECT_EQ(contents.port_uses[1].end, first);
}

TEST_F(StoreTest, KeepsTheNumbersOfSessions) {
  auto store = Open();
  Load(*store);
  store->PutSession(Session("sessions/a"), {.number = 7});
  store->PutSession(Session("sessions/b"), {.number = 9});
  EXPECT_TRUE(store->WaitUntilDurable().ok());
  v1::Session newer = Session("sessions/a");
  newer.clear_spec();
  store->PutSession(newer, {});
  const Store::Contents contents = Reopen(store);
  ASSERT_THAT(contents.sessions, SizeIs(2));
  EXPECT_EQ(contents.sessions[0].extra.number, 7u);
  EXPECT_EQ(contents.sessions[1].extra.number, 9u);
}

TEST_F(StoreTest, DeletesRecipientsAboveANumber) {
  auto store = Open();
  Load(*store);
  store->PutSession(Session("sessions/a"), {});
  const auto put = [&store](uint64_t number) {
    store->PutRecipient(
        Recipient("sessions/a", number, v1::RECIPIENT_STATE_FAILED));
  };
  put(1);
  put(2);
  EXPECT_TRUE(store->WaitUntilDurable().ok());
  put(3);
  store->DeleteRecipientsAbove("sessions/a", 1);
  put(4);
  const Store::Contents contents = Reopen(store);
  ASSERT_THAT(contents.sessions[0].recipients, SizeIs(2));
  EXPECT_EQ(contents.sessions[0].recipients[0].name(),
            "sessions/a/recipients/1");
  EXPECT_EQ(contents.sessions[0].recipients[1].name(),
            "sessions/a/recipients/4");
}

TEST_F(StoreTest, DatabaseOfTheFirstVersionIsBroughtUpToDate) {
  auto store = Open();
  Load(*store);
  store = nullptr;
  {
    auto database = SqliteDatabase::Open(path_);
    ASSERT_TRUE(database
                    ->Run("DROP TABLE receptions; DROP TABLE requests;"
                          "DROP TABLE port_uses;"
                          "CREATE TABLE requests (id TEXT PRIMARY KEY,"
                          " time INTEGER NOT NULL, session_name TEXT NOT NULL,"
                          " fingerprint BLOB NOT NULL) STRICT, WITHOUT ROWID;"
                          "CREATE INDEX requests_by_time ON requests (time);"
                          "INSERT INTO requests"
                          " VALUES ('id', 1, 'sessions/a', x'7072696e74');"
                          "ALTER TABLE sessions DROP COLUMN content;"
                          "PRAGMA user_version = 1;")
                    .ok());
  }
  store = Open();
  const Store::Contents contents = Load(*store);
  ASSERT_THAT(contents.requests, SizeIs(1));
  EXPECT_EQ(contents.requests[0].name, "sessions/a");
  EXPECT_EQ(contents.requests[0].fingerprint, "print");
  EXPECT_EQ(contents.requests[0].kind, RequestKind::kSession);
  EXPECT_FALSE(contents.requests[0].deleted);
}

TEST_F(StoreTest, KeepsReceptions) {
  auto store = Open();
  Load(*store);
  v1::Reception reception;
  reception.set_name("receptions/a");
  reception.set_state(v1::RECEPTION_STATE_CONNECTING);
  reception.mutable_spec()->mutable_destination()->set_path("file");
  store->PutReception(reception, {.number = 3, .partial_id = "part"});
  v1::Reception other = reception;
  other.set_name("receptions/b");
  store->PutReception(other, {.number = 5, .partial_id = "other"});
  EXPECT_TRUE(store->WaitUntilDurable().ok());
  reception.clear_spec();
  reception.set_state(v1::RECEPTION_STATE_VERIFYING);
  store->PutReception(reception, {.mark = "inode 1"});
  reception.set_state(v1::RECEPTION_STATE_RECEIVING);
  store->PutReception(reception, {});
  Store::Contents contents = Reopen(store);
  ASSERT_THAT(contents.receptions, SizeIs(2));
  EXPECT_EQ(contents.receptions[0].reception.state(),
            v1::RECEPTION_STATE_RECEIVING);
  EXPECT_EQ(contents.receptions[0].reception.spec().destination().path(),
            "file");
  EXPECT_EQ(contents.receptions[0].extra.number, 3u);
  EXPECT_EQ(contents.receptions[0].extra.partial_id, "part");
  EXPECT_EQ(contents.receptions[0].extra.mark, "inode 1");
  EXPECT_EQ(contents.receptions[1].extra.mark, "");
  // It stays, until there is another one.
  store->PutReception(reception, {});
  contents = Reopen(store);
  EXPECT_EQ(contents.receptions[0].extra.mark, "inode 1");
  store->PutReception(reception, {.mark = "inode 2"});
  store->PutReception(reception, {});
  contents = Reopen(store);
  EXPECT_EQ(contents.receptions[0].extra.mark, "inode 2");
  // Deleted, and made again under the same name, in one transaction.
  store->DeleteReception("receptions/a");
  store->DeleteReception("receptions/b");
  store->PutReception(other, {.number = 7, .partial_id = "again"});
  contents = Reopen(store);
  ASSERT_THAT(contents.receptions, SizeIs(1));
  EXPECT_EQ(contents.receptions[0].extra.number, 7u);
  EXPECT_EQ(contents.receptions[0].extra.partial_id, "again");
}

TEST_F(StoreTest, RequestsOfTwoKindsMayHaveOneId) {
  auto store = Open();
  Load(*store);
  StoredRequest request = {"id", absl::Now(), "sessions/a", "print"};
  store->PutRequest(request);
  request.name = "receptions/a";
  request.kind = RequestKind::kReception;
  store->PutRequest(request);
  EXPECT_THAT(Reopen(store).requests, SizeIs(2));
  store->DeleteRequest(RequestKind::kSession, "id");
  const Store::Contents contents = Reopen(store);
  ASSERT_THAT(contents.requests, SizeIs(1));
  EXPECT_EQ(contents.requests[0].kind, RequestKind::kReception);
  EXPECT_EQ(contents.requests[0].name, "receptions/a");
}

TEST_F(StoreTest, RevisionsGoOnWhenTheClockIsSetBack) {
  auto store = Open();
  const int64_t first = Load(*store).first_revision;
  // The second start is within the first one's time, as if that had been ahead.
  EXPECT_GT(Reopen(store).first_revision, first + 1'000'000'000);
}

TEST_F(StoreTest, InMemoryIsNotPersistent) {
  auto store = Store::Open(kInMemory, [](const char*, absl::Duration, bool) {});
  ASSERT_TRUE(store.ok());
  EXPECT_FALSE((*store)->persistent());
  EXPECT_GT(Load(**store).first_revision, 0);
  (*store)->PutSession(Session("sessions/a"), {});
  EXPECT_TRUE((*store)->WaitUntilDurable().ok());
}

}  // namespace
}  // namespace tcptool::server
