// What a restart of the service makes of receptions.
#include <string>

#include "absl/time/clock.h"
#include "messages/states.h"
#include "messages/time.h"
#include "tests/server/receptions/managed_receptions.h"

namespace tcptool::server {
namespace {

class ReceptionRestartTest : public ManagedReceptions {
 protected:
  // The reception as a service that was killed has left it, with its partial
  // file. The manager is stopped.
  v1::Reception LeaveBehind(v1::ReceptionState state) {
    ScriptedSender sender;
    v1::CreateReceptionRequest request = RequestOf(sender, "file");
    request.set_reception_id("mine");
    request.set_request_id("request");
    v1::Reception reception;
    reception.set_name("receptions/mine");
    *reception.mutable_spec() = request.reception().spec();
    reception.mutable_spec()->mutable_retention()->set_seconds(3600);
    reception.set_state(state);
    if (IsFinal(state))
      *reception.mutable_end_time() = ToTimestamp(absl::Now());
    manager_.reset();
    store_->PutReception(reception, {.number = 5, .partial_id = "rpartial"});
    store_.reset();
    folder_.Put(".tcptool-part.rpartial", "some");
    return reception;
  }
};

TEST_F(ReceptionRestartTest, ThoseThatRanAreInterruptedAndLeaveNothing) {
  for (const v1::ReceptionState state :
       {v1::RECEPTION_STATE_CONNECTING, v1::RECEPTION_STATE_WAITING,
        v1::RECEPTION_STATE_RECEIVING, v1::RECEPTION_STATE_VERIFYING}) {
    folder_.Put("file", "before");
    // Another service's, that receives into the same folder.
    folder_.Put(".tcptool-part.other", "theirs");
    LeaveBehind(state);
    Start();
    const auto reception = table_->Get("receptions/mine");
    ASSERT_TRUE(reception.ok());
    EXPECT_EQ(reception->state(), v1::RECEPTION_STATE_INTERRUPTED);
    EXPECT_NE(reception->detail(), "");
    EXPECT_TRUE(reception->has_end_time());
    EXPECT_EQ(reception->spec().destination().path(), "file");
    WaitForNames({"file", ".tcptool-part.other"});
    EXPECT_EQ(folder_.Get("file"), "before");
    // And stays so.
    const auto end_time = reception->end_time();
    Start();
    EXPECT_EQ(table_->Get("receptions/mine")->end_time().nanos(),
              end_time.nanos());
    EXPECT_TRUE(Delete("receptions/mine").ok());
  }
}

TEST_F(ReceptionRestartTest, WhatAFinalOneCouldNotRemoveGoesThen) {
  LeaveBehind(v1::RECEPTION_STATE_FAILED);
  Start();
  const auto reception = table_->Get("receptions/mine");
  ASSERT_TRUE(reception.ok()) << reception.status();
  EXPECT_EQ(reception->state(), v1::RECEPTION_STATE_FAILED);
  WaitForNames({});
}

TEST_F(ReceptionRestartTest, NumbersGoOn) {
  LeaveBehind(v1::RECEPTION_STATE_RECEIVING);
  Start();
  ScriptedSender sender;
  const auto created = Create(RequestOf(sender, "other"));
  ASSERT_TRUE(created.ok()) << created.status();
  const auto list = table_->List({});
  ASSERT_EQ(list->receptions_size(), 2);
  EXPECT_EQ(list->receptions(0).name(), created->name());
}

TEST_F(ReceptionRestartTest, StopInterruptsWhatRuns) {
  ScriptedSender sender;
  v1::CreateReceptionRequest request = RequestOf(sender, "file");
  request.set_request_id("request");
  const auto created = Create(request);
  ASSERT_TRUE(created.ok());
  EXPECT_EQ(sender.AcceptAndReadByte(), 0);
  ASSERT_TRUE(sender.Send("some"));
  WaitForState(created->name(), v1::RECEPTION_STATE_RECEIVING);
  Start();
  EXPECT_EQ(sender.ReadEnd(), ECONNRESET);
  EXPECT_EQ(table_->Get(created->name())->state(),
            v1::RECEPTION_STATE_INTERRUPTED);
  EXPECT_EQ(folder_.Names(), std::set<std::string>());
  // The request is not made a second time.
  const auto again = Create(request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->name(), created->name());
  EXPECT_EQ(again->state(), v1::RECEPTION_STATE_INTERRUPTED);
}

TEST_F(ReceptionRestartTest, RootThatIsGoneHoldsNothingUp) {
  LeaveBehind(v1::RECEPTION_STATE_RECEIVING);
  std::filesystem::rename(folder_.path(""), state_.path("moved"));
  Start();
  EXPECT_EQ(table_->Get("receptions/mine")->state(),
            v1::RECEPTION_STATE_INTERRUPTED);
  ScriptedSender sender;
  EXPECT_TRUE(absl::IsNotFound(Create(RequestOf(sender, "file")).status()));
}

}  // namespace
}  // namespace tcptool::server
