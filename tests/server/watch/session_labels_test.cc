// What a watch with labels is told of sessions whose labels change.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/watch/session_table.h"
#include "tests/server/watch/messages.h"
#include "tests/server/watch/session_watch.h"

namespace tcptool::server {
namespace {

// A watch of sessions whose fleet is blue.
SessionTable::Filter Blue() {
  SessionTable::Filter filter;
  filter.labels = {{"fleet", "blue"}};
  return filter;
}

v1::Session WithFleet(v1::Session session, const std::string& fleet) {
  (*session.mutable_spec()->mutable_labels())["fleet"] = fleet;
  return session;
}

TEST(SessionLabelsTest, SessionThatLosesItsLabelIsShownOnceMore) {
  SessionTable table;
  v1::Session session = WithFleet(Waiting("s"), "blue");
  table.Insert(session);
  Watch watch(table, Blue());
  ASSERT_EQ(watch.All().size(), 1u);
  session = WithFleet(session, "red");
  table.Update(session, {}, {});
  const auto changes = watch.All();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].session().name(), session.name());
  EXPECT_EQ(changes[0].session().spec().labels().at("fleet"), "red");
  EXPECT_EQ(changes[0].session().spec().file().path(), "s");
  // And then no more, whatever becomes of it.
  session.set_state(v1::SESSION_STATE_TRANSFERRING);
  table.Update(StatusOf(session), {}, {});
  table.Update(WithFleet(session, "green"), {}, {});
  EXPECT_TRUE(watch.All().empty());
}

TEST(SessionLabelsTest, LostLabelIsShownAlsoWhereMoreHasChangedSince) {
  SessionTable table;
  v1::Session session = WithFleet(Waiting("s"), "blue");
  table.Insert(session);
  Watch watch(table, Blue());
  watch.All();
  for (const char* fleet : {"red", "green", "grey"}) {
    session = WithFleet(session, fleet);
    table.Update(session, {}, {});
  }
  session.set_state(v1::SESSION_STATE_TRANSFERRING);
  table.Update(StatusOf(session), {}, {});
  const auto changes = watch.All();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].session().spec().labels().at("fleet"), "grey");
  EXPECT_EQ(changes[0].session().state(), v1::SESSION_STATE_TRANSFERRING);
}

TEST(SessionLabelsTest, WhoHadNotTheLabelIsNotShownWhenItChanges) {
  SessionTable table;
  table.Insert(WithFleet(Waiting("red"), "red"));
  Watch watch(table, Blue());
  watch.All();
  table.Update(WithFleet(Waiting("red"), "green"), {}, {});
  // Nor who had it only when the watcher did not know it.
  table.Insert(WithFleet(Waiting("late"), "blue"));
  table.Update(WithFleet(Waiting("late"), "red"), {}, {});
  // Nor who is none of those that are watched.
  SessionTable::Filter other = Blue();
  other.names = {"sessions/other"};
  EXPECT_TRUE(watch.All().empty());
  table.Insert(WithFleet(Waiting("s"), "blue"));
  Watch named(table, other);
  named.All();
  table.Update(WithFleet(Waiting("s"), "red"), {}, {});
  EXPECT_TRUE(named.All().empty());
}

TEST(SessionLabelsTest, SessionThatGetsItsLabelBackIsShownWithIt) {
  SessionTable table;
  table.Insert(WithFleet(Waiting("s"), "blue"));
  Watch watch(table, Blue());
  watch.All();
  table.Update(WithFleet(Waiting("s"), "red"), {}, {});
  watch.All();
  table.Update(WithFleet(Waiting("s"), "blue"), {}, {});
  const auto changes = watch.All();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].session().spec().labels().at("fleet"), "blue");
}

// The names of the recipients in `changes`, after their session.
std::string RecipientsIn(const std::vector<v1::Change>& changes) {
  std::string names;
  bool has_session = false;
  for (const v1::Change& change : changes) {
    has_session |= change.has_session() && change.session().has_spec();
    if (!change.has_recipient()) continue;
    EXPECT_TRUE(has_session);
    const std::string& name = change.recipient().name();
    names += name.substr(name.rfind('/') + 1) + " ";
  }
  return names;
}

TEST(SessionLabelsTest, SessionThatGetsItsLabelIsShownWithItsRecipients) {
  SessionTable table;
  const v1::Session red = WithFleet(Waiting("s"), "red");
  const v1::Session blue = WithFleet(Waiting("s"), "blue");
  table.Insert(red);
  std::vector<v1::Recipient> recipients;
  for (int i = 1; i <= 3; ++i) {
    recipients.push_back(Recipient(red, i, v1::RECIPIENT_STATE_READY));
  }
  table.Update(StatusOf(red), recipients, {});
  SessionTable::Filter filter = Blue();
  filter.include_recipients = true;
  Watch watch(table, filter);
  SessionTable::Filter everything;
  everything.include_recipients = true;
  Watch other(table, everything);
  EXPECT_TRUE(watch.All().empty());
  EXPECT_EQ(RecipientsIn(other.All()), "1 2 3 ");

  table.Update(blue, {}, {});
  // However few come at a time.
  EXPECT_EQ(RecipientsIn(watch.All(1)), "1 2 3 ");
  EXPECT_EQ(RecipientsIn(other.All()), "");
  // And again when it comes back, as they have changed unseen.
  table.Update(red, {}, {});
  watch.All();
  recipients[0].set_state(v1::RECIPIENT_STATE_DELIVERED);
  table.Update(StatusOf(red), recipients, {});
  EXPECT_EQ(RecipientsIn(watch.All()), "");
  table.Update(blue, {}, {});
  EXPECT_EQ(RecipientsIn(watch.All()), "1 2 3 ");
  // But not for a label that the watch does not ask for.
  v1::Session more = blue;
  (*more.mutable_spec()->mutable_labels())["x"] = "y";
  table.Update(more, {}, {});
  EXPECT_EQ(RecipientsIn(watch.All()), "");
  // Who knows it anyway is told of what has changed alone.
  EXPECT_EQ(RecipientsIn(other.All()), "1 ");
}

}  // namespace
}  // namespace tcptool::server
