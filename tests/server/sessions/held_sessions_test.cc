// How many sessions and records are held, and what goes when there are more.
#include "server/sessions/held_sessions.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "messages/time.h"

namespace tcptool::server {
namespace {

class HeldSessionsTest : public testing::Test {
 protected:
  static constexpr size_t kMaxSessions = 3;

  // One that has ended `ago`, with so many recipients that nobody expected.
  std::string AddFinished(const std::string& id, absl::Duration ago,
                          size_t strangers = 0) {
    v1::Session session;
    session.set_name("sessions/" + id);
    session.set_state(v1::SESSION_STATE_FAILED);
    session.mutable_spec()->add_expected()->set_number(1);
    session.mutable_spec()->mutable_retention()->set_seconds(3600);
    *session.mutable_end_time() = ToTimestamp(absl::Now() - ago);
    std::vector<v1::Recipient> recipients;
    for (size_t i = 1; i <= 1 + strangers; ++i) {
      v1::Recipient& recipient = recipients.emplace_back();
      recipient.set_name(absl::StrCat(session.name(), "/recipients/", i));
    }
    table_.Insert(session);
    table_.Update(session, recipients, {});
    held_.Add();
    held_.AddFinished(session);
    return session.name();
  }

  const std::unique_ptr<Store> store_ =
      *Store::Open(":memory:", [](const char*, absl::Duration, bool) {});
  SessionTable table_;
  WatchHub hub_{1};
  RequestIds ids_{*store_, RequestKind::kSession};
  HeldSessions held_{kMaxSessions, table_, hub_, *store_, ids_};
};

TEST_F(HeldSessionsTest, FinishedSessionsMakeRoomTheOldestFirst) {
  for (size_t i = 0; i < kMaxSessions; ++i) held_.Add();
  EXPECT_TRUE(absl::IsResourceExhausted(held_.CheckRoom()));
  const std::string newer = AddFinished("newer", absl::Minutes(1));
  const std::string older = AddFinished("older", absl::Minutes(2));
  EXPECT_TRUE(held_.CheckRoom().ok());
  held_.PurgeSurplus();
  EXPECT_FALSE(table_.Get(older).ok());
  EXPECT_FALSE(table_.Get(newer).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(held_.CheckRoom()));
}

TEST_F(HeldSessionsTest, RetentionEnds) {
  const std::string kept = AddFinished("kept", absl::Minutes(1));
  const std::string over = AddFinished("over", absl::Hours(2));
  // When the clock was not set yet, as on a machine that has just been imaged.
  const std::string oldest =
      AddFinished("oldest", absl::Now() - absl::UnixEpoch());
  held_.PurgeExpired(dataplane::Clock::now());
  EXPECT_TRUE(table_.Get(kept).ok());
  EXPECT_FALSE(table_.Get(over).ok());
  EXPECT_FALSE(table_.Get(oldest).ok());
}

TEST_F(HeldSessionsTest, PurgedSessionIsDeletedForItsRequestId) {
  const std::string name = AddFinished("s", absl::Minutes(1));
  ids_.Add({.id = "one", .time = absl::Now(), .name = name});
  held_.Purge(name);
  EXPECT_TRUE(absl::IsNotFound(ids_.Find("one", "").status()));
}

TEST_F(HeldSessionsTest, RecordsOfUnexpectedRecipientsAreBoundedOverAll) {
  const size_t half = HeldSessions::kMaxRecords / 2;
  const std::string first = AddFinished("first", absl::Minutes(3), half);
  const std::string second = AddFinished("second", absl::Minutes(2), half);
  EXPECT_EQ(table_.CountRecipientsAbove(first, 1), half);
  const std::string third = AddFinished("third", absl::Minutes(1), 1);
  EXPECT_EQ(table_.CountRecipientsAbove(first, 0), 1u);  // The expected one.
  EXPECT_EQ(table_.CountRecipientsAbove(second, 1), half);
  EXPECT_EQ(table_.CountRecipientsAbove(third, 1), 1u);
  // What is purged makes room.
  held_.Purge(second);
  AddFinished("fourth", absl::Minutes(1), half);
  EXPECT_EQ(table_.CountRecipientsAbove(third, 1), 1u);
}

}  // namespace
}  // namespace tcptool::server
