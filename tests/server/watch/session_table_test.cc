// What clients see of sessions while they come, change and go.
#include "server/watch/session_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/server/error_reason.h"
#include "tests/server/watch/messages.h"
#include "tests/server/watch/session_watch.h"

namespace tcptool::server {
namespace {

TEST(SessionTableTest, UpdateKeepsTheSpec) {
  SessionTable table;
  const v1::Session session = Waiting("s");
  table.Insert(session);
  table.Update(StatusOf(session), {}, {});
  EXPECT_EQ(table.Get(session.name())->spec().file().path(), "s");
}

TEST(SessionTableTest, ProgressIsShownWhenItIsPublished) {
  SessionTable table;
  v1::Session session = Waiting("s");
  table.Insert(session);
  Watch watch(table, {.include_recipients = true});
  v1::Recipient recipient =
      Recipient(session, 1, v1::RECIPIENT_STATE_TRANSFERRING);
  EXPECT_TRUE(table.Update(StatusOf(session), {&recipient, 1}, {}));
  watch.All();
  for (int64_t bytes = 1; bytes <= 100; ++bytes) {
    recipient.set_bytes_sent(bytes);
    session.set_bytes_sent(bytes);
    EXPECT_FALSE(table.Update(StatusOf(session), {&recipient, 1}, {}));
    EXPECT_TRUE(watch.All().empty());
  }
  // Whoever asks gets the newest.
  EXPECT_EQ(table.Get(session.name())->bytes_sent(), 100);
  EXPECT_TRUE(table.PublishProgress());
  const auto changes = watch.All();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].session().bytes_sent(), 100);
  EXPECT_EQ(changes[1].recipient().bytes_sent(), 100);
  EXPECT_FALSE(table.PublishProgress());
  EXPECT_TRUE(watch.All().empty());
}

TEST(SessionTableTest, StateIsShownAtOnceWithItsProgress) {
  SessionTable table;
  v1::Session session = Waiting("s");
  table.Insert(session);
  Watch watch(table, {.include_recipients = true});
  v1::Recipient recipient =
      Recipient(session, 1, v1::RECIPIENT_STATE_TRANSFERRING);
  table.Update(StatusOf(session), {&recipient, 1}, {});
  watch.All();
  recipient.set_bytes_sent(5);
  table.Update(StatusOf(session), {&recipient, 1}, {});
  recipient.set_state(v1::RECIPIENT_STATE_DELIVERED);
  EXPECT_TRUE(table.Update(StatusOf(session), {&recipient, 1}, {}));
  const auto changes = watch.All();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].recipient().state(), v1::RECIPIENT_STATE_DELIVERED);
  // Its progress came with it.
  EXPECT_FALSE(table.PublishProgress());
}

TEST(SessionTableTest, ProgressOfWhatHasGoneIsForgotten) {
  SessionTable table;
  const v1::Session session = Waiting("s");
  table.Insert(session);
  v1::Recipient recipient =
      Recipient(session, 1, v1::RECIPIENT_STATE_TRANSFERRING);
  table.Update(StatusOf(session), {&recipient, 1}, {});
  recipient.set_bytes_sent(1);
  table.Update(StatusOf(session), {&recipient, 1}, {});
  table.Remove(session.name());
  EXPECT_FALSE(table.PublishProgress());
}

TEST(SessionTableTest, SlowWatcherGetsTheNewestStateOnly) {
  SessionTable table;
  v1::Session session = Waiting("s");
  table.Insert(session);
  Watch watch(table, {.include_recipients = true});
  watch.All();
  for (int64_t bytes = 0; bytes < 1000; ++bytes) {
    std::vector<v1::Recipient> changed;
    for (uint64_t id = 1; id <= 50; ++id) {
      changed.push_back(
          Recipient(session, id, v1::RECIPIENT_STATE_TRANSFERRING, bytes));
    }
    session.set_bytes_sent(50 * bytes);
    table.Update(StatusOf(session), changed, {});
    table.PublishProgress();
  }
  const auto changes = watch.All();
  EXPECT_EQ(changes.size(), 51u);
  for (const auto& change : changes) {
    if (change.has_recipient()) {
      EXPECT_EQ(change.recipient().bytes_sent(), 999);
    }
  }
}

TEST(SessionTableTest, SnapshotInSmallPartsMissesNothing) {
  SessionTable table;
  for (int i = 0; i < 20; ++i) {
    const v1::Session session = Waiting(absl::StrCat("s", i));
    table.Insert(session);
    std::vector<v1::Recipient> recipients;
    for (uint64_t id = 1; id <= 5; ++id) {
      recipients.push_back(Recipient(session, id, v1::RECIPIENT_STATE_READY));
    }
    table.Update(StatusOf(session), recipients, {});
  }
  Watch watch(table, {.include_recipients = true});
  std::set<std::string> known;
  int parts = 0;
  for (auto part = watch.Next(3); !part.empty(); part = watch.Next(3)) {
    for (const auto& change : part) {
      if (change.has_session()) known.insert(change.session().name());
      if (change.has_recipient()) {
        // Comes after its session.
        const std::string& name = change.recipient().name();
        EXPECT_TRUE(known.contains(name.substr(0, name.find("/rec")))) << name;
        known.insert(name);
      }
      if (change.has_deleted_name()) known.erase(change.deleted_name());
    }
    // Behind it and before it.
    if (++parts == 5) {
      table.Remove("sessions/s0");
      table.Remove("sessions/s19");
      table.Insert(Waiting("late"));
    }
  }
  EXPECT_FALSE(known.contains("sessions/s0"));
  EXPECT_FALSE(known.contains("sessions/s19"));
  EXPECT_TRUE(known.contains("sessions/late"));
  EXPECT_TRUE(known.contains("sessions/s18/recipients/5"));
}

TEST(SessionTableTest, LargeSessionsComeInSmallerParts) {
  SessionTable table;
  for (int i = 0; i < 20; ++i) {
    v1::Session session = Waiting(absl::StrCat("s", i));
    session.mutable_spec()->add_allow(std::string(100'000, 'x'));
    table.Insert(std::move(session));
  }
  Watch watch(table);
  EXPECT_EQ(watch.Next(1000).size(), 3u);
  EXPECT_EQ(watch.All().size(), 17u);
}

TEST(SessionTableTest, ResumedWatchGetsWhatItMissedWithDeletions) {
  SessionTable table;
  table.Insert(Waiting("stays"));
  table.Insert(Waiting("goes"));
  Watch watch(table);
  watch.All();
  const int64_t seen = watch.revision();
  table.Remove("sessions/goes");
  table.Insert(Waiting("comes"));
  SessionTable::Cursor cursor = *table.Begin(seen);
  v1::WatchSessionsResponse missed;
  EXPECT_FALSE(*table.Next({}, cursor, 1000, missed));
  const auto& changes = missed.changes();
  ASSERT_EQ(changes.size(), 2);
  EXPECT_EQ(changes[0].deleted_name(), "sessions/goes");
  EXPECT_EQ(changes[1].session().name(), "sessions/comes");
}

TEST(SessionTableTest, RevisionOfAnotherRunIsOutOfRange) {
  SessionTable before;
  before.Insert(Waiting("s"));
  Watch watch(before);
  watch.All();
  SessionTable after;
  EXPECT_TRUE(absl::IsOutOfRange(after.Begin(watch.revision()).status()));
  EXPECT_TRUE(absl::IsOutOfRange(after.Begin(1).status()));
}

TEST(SessionTableTest, ResumeBeforeForgottenDeletionsIsOutOfRange) {
  SessionTable table;
  Watch watch(table);
  watch.All();
  table.Insert(Waiting("s"));
  watch.All();
  const int64_t seen = watch.revision();
  for (size_t i = 0; i <= ChangeLog<int, int>::kMaxDeletions; ++i) {
    const std::string id = absl::StrCat("t", i);
    table.Insert(Waiting(id));
    table.Remove("sessions/" + id);
  }
  EXPECT_TRUE(absl::IsOutOfRange(table.Begin(seen).status()));
}

TEST(SessionTableTest, WatcherTooSlowForTheDeletionsIsToldSo) {
  SessionTable table;
  table.Insert(Waiting("goes"));
  SessionTable::Cursor cursor = *table.Begin(0);
  v1::WatchSessionsResponse response;
  while (cursor.in_snapshot) {
    ASSERT_TRUE(table.Next({}, cursor, 1000, response).ok());
  }
  table.Remove("sessions/goes");
  for (size_t i = 0; i < ChangeLog<int, int>::kMaxDeletions; ++i) {
    const std::string id = absl::StrCat("t", i);
    table.Insert(Waiting(id));
    table.Remove("sessions/" + id);
  }
  // It would never learn that "goes" is gone.
  const auto more = table.Next({}, cursor, 1000, response);
  EXPECT_TRUE(absl::IsOutOfRange(more.status())) << more.status();
  EXPECT_EQ(ReasonOf(more.status()), "WATCHER_TOO_SLOW");
}

TEST(SessionTableTest, DeletedSessionShowsItsEndFirst) {
  SessionTable table;
  v1::Session session = Waiting("s");
  table.Insert(session);
  Watch watch(table);
  Watch late(table);
  watch.All();
  session.set_state(v1::SESSION_STATE_CANCELLED);
  table.Update(StatusOf(session), {}, {});
  late.All();
  table.Remove(session.name());
  const auto changes = watch.All();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].session().state(), v1::SESSION_STATE_CANCELLED);
  EXPECT_EQ(changes[1].deleted_name(), session.name());
  // One that has seen it is not told again.
  const auto rest = late.All();
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].deleted_name(), session.name());
}

TEST(SessionTableTest, EndIsShownOfWhatOnlyTheSnapshotHasTold) {
  SessionTable table;
  Watch watch(table);
  v1::Session session = Waiting("s");
  table.Insert(session);
  ASSERT_EQ(watch.Next().size(), 1u);  // The snapshot.
  session.set_state(v1::SESSION_STATE_CANCELLED);
  table.Update(StatusOf(session), {}, {});
  table.Remove(session.name());
  const auto changes = watch.All();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].session().state(), v1::SESSION_STATE_CANCELLED);
  EXPECT_EQ(changes[1].deleted_name(), session.name());
}

TEST(SessionTableTest, WatchTellsTheSpecOnce) {
  SessionTable table;
  v1::Session before = Waiting("before");
  table.Insert(before);
  Watch watch(table);
  v1::Session after = Waiting("after");
  table.Insert(after);
  std::map<std::string, int> specs;
  const auto count = [&specs](const std::vector<v1::Change>& changes) {
    for (const auto& change : changes) {
      specs[change.session().name()] += change.session().has_spec() ? 1 : 0;
    }
  };
  count(watch.All());
  EXPECT_GE(specs["sessions/before"], 1);
  EXPECT_GE(specs["sessions/after"], 1);
  specs.clear();
  for (v1::Session* session : {&before, &after}) {
    session->set_state(v1::SESSION_STATE_TRANSFERRING);
    table.Update(StatusOf(*session), {}, {});
  }
  const auto changes = watch.All();
  ASSERT_EQ(changes.size(), 2u);
  count(changes);
  EXPECT_EQ(specs["sessions/before"] + specs["sessions/after"], 0);
  EXPECT_TRUE(table.Get("sessions/after")->has_spec());
}

TEST(SessionTableTest, RecipientsAboveANumberAreForgottenSilently) {
  SessionTable table;
  v1::Session session = Waiting("s");
  session.mutable_spec()->add_expected();
  table.Insert(session);
  std::vector<v1::Recipient> recipients;
  for (uint64_t id = 1; id <= 5; ++id) {
    recipients.push_back(Recipient(session, id, v1::RECIPIENT_STATE_FAILED));
  }
  table.Update(StatusOf(session), recipients, {});
  EXPECT_EQ(table.CountRecipientsAbove(session.name(), 1), 4u);
  table.ForgetRecipientsAbove(session.name(), 1);
  EXPECT_EQ(table.CountRecipientsAbove(session.name(), 0), 1u);
  Watch watch(table, {.include_recipients = true});
  EXPECT_EQ(watch.All().size(), 2u);
}

TEST(SessionTableTest, SpecThatHasChangedIsSentOnce) {
  SessionTable table;
  v1::Session session = Waiting("s");
  table.Insert(session);
  Watch watch(table);
  watch.All();
  (*session.mutable_spec()->mutable_labels())["fleet"] = "blue";
  EXPECT_TRUE(table.Update(session, {}, {}));
  EXPECT_EQ(table.Get(session.name())->spec().labels().at("fleet"), "blue");
  auto changes = watch.All();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].session().spec().labels().at("fleet"), "blue");
  session.set_state(v1::SESSION_STATE_CANCELLED);
  table.Update(StatusOf(session), {}, {});
  changes = watch.All();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_FALSE(changes[0].session().has_spec());
}

// The session's entry in the log moves on before the watcher has come to it.
TEST(SessionTableTest, WatcherThatLagsGetsTheSpecThatHasChanged) {
  SessionTable table;
  v1::Session changed = Waiting("changed");
  v1::Session other = Waiting("other");
  table.Insert(changed);
  table.Insert(other);
  Watch watch(table);
  watch.All();
  other.set_bytes_sent(1);
  (*changed.mutable_spec()->mutable_labels())["fleet"] = "blue";
  table.Update(changed, {}, {});
  other.set_state(v1::SESSION_STATE_TRANSFERRING);
  table.Update(StatusOf(other), {}, {});
  changed.set_state(v1::SESSION_STATE_TRANSFERRING);
  table.Update(StatusOf(changed), {}, {});
  bool has_spec = false;
  for (const v1::Change& change : watch.All(1)) {
    has_spec |= change.session().spec().labels().contains("fleet");
  }
  EXPECT_TRUE(has_spec);
}

TEST(SessionTableTest, BasicWatchHasOfTheSpecTheLabelsAlone) {
  SessionTable table;
  v1::Session session = Waiting("s");
  (*session.mutable_spec()->mutable_labels())["fleet"] = "blue";
  table.Insert(session);
  SessionTable::Filter filter;
  filter.view = v1::VIEW_BASIC;
  Watch watch(table, filter);
  (*session.mutable_spec()->mutable_labels())["fleet"] = "red";
  table.Update(session, {}, {});
  const auto changes = watch.All();
  ASSERT_FALSE(changes.empty());
  for (const v1::Change& change : changes) {
    EXPECT_FALSE(change.session().spec().has_file());
  }
  EXPECT_EQ(changes.back().session().spec().labels().at("fleet"), "red");
}

}  // namespace
}  // namespace tcptool::server
