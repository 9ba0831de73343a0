// Receptions from their creation to their end.
#include "server/receptions/reception_manager.h"

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>

#include "absl/synchronization/notification.h"
#include "server/store/sqlite.h"
#include "tests/server/receptions/managed_receptions.h"

namespace tcptool::server {
namespace {

class ReceptionManagerTest : public ManagedReceptions {
 protected:
  // What a crash would leave, whatever the process has in memory.
  v1::ReceptionState DurableState(const std::string& name) {
    auto database = SqliteDatabase::Open(state_.path("state.db"));
    auto rows =
        database->Prepare("SELECT status FROM receptions WHERE name = ?");
    rows->Bind(1, name);
    v1::Reception reception;
    if (*rows->Step()) reception.ParseFromString(rows->Bytes(0));
    return reception.state();
  }
};

TEST_F(ReceptionManagerTest, WholeContentGetsItsName) {
  ScriptedSender sender;
  const std::string content = Content(3'000'001);
  v1::CreateReceptionRequest request = RequestOf(sender, "file");
  request.mutable_reception()->mutable_spec()->set_compute_sha256(true);
  const auto created = Create(request);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_TRUE(created->name().starts_with("receptions/r"));
  EXPECT_EQ(created->state(), v1::RECEPTION_STATE_CONNECTING);
  EXPECT_EQ(created->spec().retention().seconds(), 168 * 3600);
  EXPECT_EQ(sender.AcceptAndReadByte(), 0);
  const auto waiting =
      WaitForState(created->name(), v1::RECEPTION_STATE_WAITING);
  EXPECT_NE(waiting.etag(), created->etag());
  EXPECT_EQ(waiting.peer_address(), created->spec().sender().address());
  ASSERT_TRUE(sender.Send(content));
  WaitForState(created->name(), v1::RECEPTION_STATE_RECEIVING);
  EXPECT_FALSE(folder_.Names().contains("file"));
  sender.End();
  EXPECT_EQ(sender.ReadEnd(), 0);
  const auto ended = WaitForEnd(created->name());
  EXPECT_EQ(ended.state(), v1::RECEPTION_STATE_SUCCEEDED);
  EXPECT_EQ(DurableState(ended.name()), v1::RECEPTION_STATE_SUCCEEDED);
  EXPECT_EQ(folder_.Get("file"), content);
  EXPECT_EQ(folder_.Names(), std::set<std::string>{"file"});
  EXPECT_EQ(ended.bytes_received(), 3'000'001);
  EXPECT_EQ(ended.bytes_durable(), 3'000'001);
  EXPECT_EQ(ended.content_length(), 3'000'001);
  EXPECT_EQ(ended.content_sha256(),
            dataplane::ToHex(dataplane::Sha256Of(content)));
  EXPECT_EQ(ended.content_root(),
            dataplane::ToHex(Root(dataplane::ManifestOf(content))));
  EXPECT_TRUE(ended.has_end_time());
  EXPECT_EQ(table_->Count().bytes_received, 3'000'001u);
}

TEST_F(ReceptionManagerTest, ResetLeavesNothing) {
  ScriptedSender sender;
  const auto reception = Receiving(sender, "file", "some");
  sender.Reset();
  const auto ended = WaitForEnd(reception.name());
  EXPECT_EQ(ended.state(), v1::RECEPTION_STATE_FAILED);
  EXPECT_EQ(ended.reason(), v1::RECEPTION_REASON_CONNECTION_LOST);
  EXPECT_NE(ended.detail(), "");
  EXPECT_EQ(DurableState(ended.name()), v1::RECEPTION_STATE_FAILED);
  WaitForNames({});
}

TEST_F(ReceptionManagerTest, FullDiskSaysSo) {
  dataplane::FaultyFiles files([](dataplane::FaultyFiles::Call call) {
    return call == dataplane::FaultyFiles::Call::kWrite ? -ENOSPC : 0;
  });
  Start({}, files);
  ScriptedSender sender;
  folder_.Put("file", "before");
  v1::CreateReceptionRequest request = RequestOf(sender, "file");
  request.mutable_reception()
      ->mutable_spec()
      ->mutable_destination()
      ->set_overwrite(true);
  const auto created = Create(request);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(sender.AcceptAndReadByte(), 0);
  sender.Send(Content(100));
  sender.End();
  const auto ended = WaitForEnd(created->name());
  EXPECT_EQ(ended.state(), v1::RECEPTION_STATE_FAILED);
  EXPECT_EQ(ended.reason(), v1::RECEPTION_REASON_NO_SPACE);
  EXPECT_EQ(sender.ReadEnd(), ECONNRESET);
  WaitForNames({"file"});
  EXPECT_EQ(folder_.Get("file"), "before");
  Stop();  // Before `files` goes.
}

TEST_F(ReceptionManagerTest, CancelResetsAndRemoves) {
  ScriptedSender sender;
  const auto reception = Receiving(sender, "file", "some");
  const auto cancelled = Cancel(reception.name(), reception.etag());
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(cancelled->state(), v1::RECEPTION_STATE_CANCELLED);
  EXPECT_EQ(DurableState(reception.name()), v1::RECEPTION_STATE_CANCELLED);
  EXPECT_EQ(sender.ReadEnd(), ECONNRESET);
  WaitForNames({});
  // Once more does nothing.
  const auto again = Cancel(reception.name());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->etag(), cancelled->etag());
  EXPECT_TRUE(
      absl::IsAborted(Cancel(reception.name(), reception.etag()).status()));
  EXPECT_TRUE(absl::IsNotFound(Cancel("receptions/none").status()));
}

TEST_F(ReceptionManagerTest, RenameThatHangsIsToldToWhoCancelsOrDeletes) {
  absl::Notification renames;
  absl::Notification released;
  dataplane::FaultyFiles files([&](dataplane::FaultyFiles::Call call) {
    if (call != dataplane::FaultyFiles::Call::kRename) return 0;
    renames.Notify();
    released.WaitForNotification();
    return 0;
  });
  Start({}, files);
  ScriptedSender sender;
  const auto reception = Receiving(sender, "file", "some");
  sender.End();
  renames.WaitForNotification();
  v1::CancelReceptionRequest cancel;
  cancel.set_name(reception.name());
  std::promise<absl::Status> cancelled;
  manager_->Cancel(cancel, [&](const absl::StatusOr<v1::Reception>& result) {
    cancelled.set_value(result.status());
  });
  // Both wait at the same time.
  for (const absl::Status& status : {Delete(reception.name(), /*force=*/true),
                                     cancelled.get_future().get()}) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_NE(status.message().find("root \"disk\""), absl::string_view::npos)
        << status;
  }
  released.Notify();
  EXPECT_EQ(WaitForEnd(reception.name()).state(),
            v1::RECEPTION_STATE_SUCCEEDED);
  EXPECT_TRUE(Delete(reception.name()).ok());
  Stop();  // Before `files` goes.
}

// The control thread is busy while the content becomes whole, and the reception
// is cancelled before it gets its name: the last thing that is recorded is
// that.
TEST_F(ReceptionManagerTest, CancelledBeforeItsNameStaysCancelled) {
  std::atomic<bool> is_whole = false;
  absl::Notification synced;
  dataplane::FaultyFiles files([&](dataplane::FaultyFiles::Call call) {
    if (call == dataplane::FaultyFiles::Call::kSyncData &&
        is_whole.exchange(false)) {
      synced.Notify();
    }
    return 0;
  });
  Start({}, files);
  ScriptedSender sender;
  const std::string name = Receiving(sender, "file", "some").name();
  std::shared_ptr<dataplane::Reception> reception;
  absl::Notification held;
  absl::Notification released;
  manager_->Find(name, [&](const auto& found) {
    reception = found;
    held.Notify();
    released.WaitForNotification();
  });
  held.WaitForNotification();
  is_whole = true;
  sender.End();
  synced.WaitForNotification();
  const auto cancel = [&](std::optional<dataplane::ReceptionState> expected) {
    return Wait<absl::Status>(
        [&](auto done) { reception->Cancel(expected, done); });
  };
  // Its lane gets to what follows.
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(
        absl::IsAborted(cancel(dataplane::ReceptionState::kConnecting)));
  }
  EXPECT_TRUE(cancel(std::nullopt).ok());
  released.Notify();
  EXPECT_EQ(WaitForEnd(name).state(), v1::RECEPTION_STATE_CANCELLED);
  reception = nullptr;
  Start();
  EXPECT_EQ(table_->Get(name)->state(), v1::RECEPTION_STATE_CANCELLED);
}

TEST_F(ReceptionManagerTest, OldEtagCancelsAndDeletesNothing) {
  ScriptedSender sender;
  const auto created = Create(RequestOf(sender, "file"));
  ASSERT_TRUE(created.ok());
  sender.Accept();
  WaitForState(created->name(), v1::RECEPTION_STATE_WAITING);
  EXPECT_TRUE(
      absl::IsAborted(Cancel(created->name(), created->etag()).status()));
  EXPECT_TRUE(absl::IsAborted(Delete(created->name(), true, created->etag())));
  sender.Send("content");
  sender.End();
  EXPECT_EQ(WaitForEnd(created->name()).state(), v1::RECEPTION_STATE_SUCCEEDED);
}

TEST_F(ReceptionManagerTest, DeletionForgetsTheReceptionAndKeepsTheFile) {
  ScriptedSender sender;
  v1::CreateReceptionRequest request = RequestOf(sender, "file");
  request.set_reception_id("mine");
  ASSERT_TRUE(Create(request).ok());
  sender.Accept();
  EXPECT_TRUE(absl::IsFailedPrecondition(Delete("receptions/mine")));
  sender.Send("content");
  sender.End();
  EXPECT_EQ(WaitForEnd("receptions/mine").state(),
            v1::RECEPTION_STATE_SUCCEEDED);
  EXPECT_TRUE(Delete("receptions/mine").ok());
  EXPECT_TRUE(absl::IsNotFound(Delete("receptions/mine")));
  EXPECT_EQ(folder_.Get("file"), "content");
  Start();
  EXPECT_TRUE(absl::IsNotFound(table_->Get("receptions/mine").status()));
}

TEST_F(ReceptionManagerTest, ForcedDeletionFreesTheNameAtOnce) {
  for (int round = 0; round < 10; ++round) {
    ScriptedSender sender;
    v1::CreateReceptionRequest request = RequestOf(sender, "file");
    request.set_reception_id("mine");
    const auto created = Create(request);
    ASSERT_TRUE(created.ok()) << created.status();
    EXPECT_EQ(sender.AcceptAndReadByte(), 0);
    ASSERT_TRUE(sender.Send("some"));
    const auto receiving =
        WaitForState("receptions/mine", v1::RECEPTION_STATE_RECEIVING);
    EXPECT_TRUE(Delete("receptions/mine", true, receiving.etag()).ok());
    EXPECT_EQ(sender.ReadEnd(), ECONNRESET);
  }
  WaitForNames({});
}

TEST_F(ReceptionManagerTest, FinishedOnesGoWhenTheirRetentionIsOver) {
  ScriptedSender sender;
  v1::CreateReceptionRequest request = RequestOf(sender, "file");
  request.mutable_reception()->mutable_spec()->mutable_retention()->set_seconds(
      1);
  const auto created = Create(request);
  ASSERT_TRUE(created.ok());
  sender.Accept();
  sender.End();
  const absl::Time end = absl::Now() + dataplane::kDeadline;
  while (table_->contains(created->name()) && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_FALSE(table_->contains(created->name()));
  EXPECT_EQ(folder_.Names(), std::set<std::string>{"file"});
}

TEST_F(ReceptionManagerTest, DrainLetsThoseGoOnThatHaveContent) {
  ScriptedSender busy;
  const auto receiving = Receiving(busy, "busy", "some");
  ScriptedSender idle;
  const auto waiting = Create(RequestOf(idle, "idle"));
  ASSERT_TRUE(waiting.ok());
  idle.Accept();
  WaitForState(waiting->name(), v1::RECEPTION_STATE_WAITING);
  manager_->Drain();
  EXPECT_EQ(WaitForEnd(waiting->name()).state(),
            v1::RECEPTION_STATE_INTERRUPTED);
  EXPECT_TRUE(absl::IsUnavailable(Create(RequestOf(idle, "more")).status()));
  EXPECT_FALSE(manager_->WaitUntilIdle(absl::Milliseconds(1)));
  busy.Send(" more");
  busy.End();
  EXPECT_TRUE(manager_->WaitUntilIdle(dataplane::kDeadline));
  EXPECT_EQ(table_->Get(receiving.name())->state(),
            v1::RECEPTION_STATE_SUCCEEDED);
  EXPECT_EQ(folder_.Get("busy"), "some more");
}

}  // namespace
}  // namespace tcptool::server
