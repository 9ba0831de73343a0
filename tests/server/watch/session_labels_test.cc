// What a watch with labels is told of sessions whose labels change.
#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace tcptool::server
