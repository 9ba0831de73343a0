// What watchers of receptions are told, and how receptions are listed.
#include "server/watch/reception_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

v1::Reception Reception(
    const std::string& id,
    v1::ReceptionState state = v1::RECEPTION_STATE_WAITING) {
  v1::Reception reception;
  reception.set_name("receptions/" + id);
  reception.set_state(state);
  (*reception.mutable_spec()->mutable_labels())["id"] = id;
  return reception;
}

class ReceptionTableTest : public testing::Test {
 protected:
  void Insert(const std::string& id) {
    table_.Insert(Reception(id), table_.TakeNumber());
  }
  bool Update(const std::string& id, v1::ReceptionState state,
              int64_t bytes = 0) {
    v1::Reception reception = Reception(id, state);
    reception.clear_spec();
    reception.set_bytes_received(bytes);
    return table_.Update(reception);
  }
  // "a:WAITING+" is a reception with its spec, "-a" a deletion.
  std::vector<std::string> Read(ReceptionTable::Cursor& cursor,
                                const ReceptionTable::Filter& filter = {}) {
    std::vector<std::string> all;
    bool more = true;
    while (more) {
      v1::WatchReceptionsResponse response;
      const auto next = table_.Next(filter, cursor, 2, response);
      EXPECT_TRUE(next.ok()) << next.status();
      more = next.ok() && *next;
      for (const auto& change : response.changes()) {
        all.push_back(
            change.has_deleted_name()
                ? absl::StrCat("-", change.deleted_name())
                : absl::StrCat(
                      change.reception().name(), ":",
                      v1::ReceptionState_Name(change.reception().state()),
                      change.reception().has_spec() ? "+" : ""));
      }
    }
    return all;
  }
  ReceptionTable::Cursor Begin(int64_t revision = 0) {
    const auto cursor = table_.Begin(revision);
    EXPECT_TRUE(cursor.ok()) << cursor.status();
    return cursor.ok() ? *cursor : ReceptionTable::Cursor();
  }

  ReceptionTable table_{100};
};

using Changes = std::vector<std::string>;

TEST_F(ReceptionTableTest, SnapshotThenChangesWithTheSpecOnce) {
  for (const char* id : {"a", "b", "c"}) Insert(id);
  auto cursor = Begin();
  EXPECT_EQ(Read(cursor), (Changes{"receptions/a:RECEPTION_STATE_WAITING+",
                                   "receptions/b:RECEPTION_STATE_WAITING+",
                                   "receptions/c:RECEPTION_STATE_WAITING+"}));
  EXPECT_TRUE(Update("b", v1::RECEPTION_STATE_RECEIVING));
  Insert("d");
  EXPECT_EQ(Read(cursor), (Changes{"receptions/b:RECEPTION_STATE_RECEIVING",
                                   "receptions/d:RECEPTION_STATE_WAITING+"}));
  EXPECT_EQ(Read(cursor), Changes());
}

TEST_F(ReceptionTableTest, SpecComesAlsoWhereItsEntryMovesOnBetweenReads) {
  auto cursor = Begin();
  EXPECT_EQ(Read(cursor), Changes());
  for (const char* id : {"a", "b", "c"}) Insert(id);
  // A message has two changes: "a" is in the next one.
  Update("a", v1::RECEPTION_STATE_RECEIVING);
  EXPECT_EQ(Read(cursor), (Changes{"receptions/b:RECEPTION_STATE_WAITING+",
                                   "receptions/c:RECEPTION_STATE_WAITING+",
                                   "receptions/a:RECEPTION_STATE_RECEIVING+"}));
  Update("a", v1::RECEPTION_STATE_VERIFYING);
  EXPECT_EQ(Read(cursor), Changes{"receptions/a:RECEPTION_STATE_VERIFYING"});
}

TEST_F(ReceptionTableTest, BasicWatchHasOfTheSpecTheLabelsAlone) {
  const auto insert = [this](const std::string& id) {
    v1::Reception reception = Reception(id);
    reception.mutable_spec()->mutable_destination()->set_root("in");
    table_.Insert(reception, table_.TakeNumber());
  };
  insert("before");
  ReceptionTable::Filter filter;
  filter.view = v1::VIEW_BASIC;
  auto cursor = Begin();
  const auto expect_basic = [&](const std::string& id) {
    v1::WatchReceptionsResponse response;
    ASSERT_TRUE(table_.Next(filter, cursor, 2, response).ok());
    ASSERT_EQ(response.changes_size(), 1);
    const v1::ReceptionSpec& spec = response.changes(0).reception().spec();
    EXPECT_EQ(spec.labels().at("id"), id);
    EXPECT_FALSE(spec.has_destination());
  };
  expect_basic("before");
  insert("after");
  expect_basic("after");
}

TEST_F(ReceptionTableTest, ProgressWaitsUntilItIsPublished) {
  Insert("a");
  Update("a", v1::RECEPTION_STATE_RECEIVING);
  auto cursor = Begin();
  Read(cursor);
  EXPECT_FALSE(table_.PublishProgress());
  EXPECT_FALSE(Update("a", v1::RECEPTION_STATE_RECEIVING, 5));
  EXPECT_EQ(table_.Get("receptions/a")->bytes_received(), 5);
  EXPECT_EQ(Read(cursor), Changes());
  EXPECT_TRUE(table_.PublishProgress());
  EXPECT_EQ(Read(cursor), Changes{"receptions/a:RECEPTION_STATE_RECEIVING"});
  // A new state has the progress before it.
  Update("a", v1::RECEPTION_STATE_RECEIVING, 6);
  Update("a", v1::RECEPTION_STATE_SUCCEEDED, 7);
  EXPECT_FALSE(table_.PublishProgress());
  EXPECT_EQ(Read(cursor), Changes{"receptions/a:RECEPTION_STATE_SUCCEEDED"});
  // One that goes while its progress waits.
  Insert("b");
  Update("b", v1::RECEPTION_STATE_WAITING, 1);
  table_.Remove("receptions/b");
  EXPECT_FALSE(table_.PublishProgress());
}

TEST_F(ReceptionTableTest, ResumedWatchIsToldOfDeletionsAndOfTheEndBefore) {
  Insert("a");
  Insert("b");
  auto cursor = Begin();
  Read(cursor);
  const int64_t revision = cursor.revision;
  Update("a", v1::RECEPTION_STATE_FAILED);
  table_.Remove("receptions/a");
  Insert("c");
  table_.Remove("receptions/c");
  cursor = Begin(revision);
  EXPECT_EQ(Read(cursor), (Changes{"receptions/a:RECEPTION_STATE_FAILED",
                                   "-receptions/a", "-receptions/c"}));
  EXPECT_TRUE(absl::IsOutOfRange(table_.Begin(99).status()));
  EXPECT_TRUE(absl::IsOutOfRange(table_.Begin(1'000).status()));
}

TEST_F(ReceptionTableTest, EndIsToldOfWhatOnlyTheSnapshotHasTold) {
  auto cursor = Begin();
  Insert("a");
  v1::WatchReceptionsResponse snapshot;
  ASSERT_TRUE(table_.Next({}, cursor, 2, snapshot).ok());
  ASSERT_EQ(snapshot.changes_size(), 1);
  Update("a", v1::RECEPTION_STATE_CANCELLED);
  table_.Remove("receptions/a");
  EXPECT_EQ(Read(cursor), (Changes{"receptions/a:RECEPTION_STATE_CANCELLED",
                                   "-receptions/a"}));
}

TEST_F(ReceptionTableTest, WatcherTooSlowForTheDeletionsIsToldSo) {
  Insert("goes");
  ReceptionTable::Cursor slow = Begin();
  // It has not read its snapshot when all is over.
  ReceptionTable::Cursor unread = slow;
  Read(slow);
  table_.Remove("receptions/goes");
  for (size_t i = 0; i < ChangeLog<int, int>::kMaxDeletions; ++i) {
    Insert("comes");
    table_.Remove("receptions/comes");
  }
  // It would never learn that "goes" is gone.
  for (ReceptionTable::Cursor* cursor : {&slow, &unread}) {
    v1::WatchReceptionsResponse response;
    const auto more = table_.Next({}, *cursor, 2, response);
    EXPECT_TRUE(absl::IsOutOfRange(more.status())) << more.status();
  }
  EXPECT_TRUE(absl::IsOutOfRange(table_.Begin(slow.revision).status()));
}

TEST_F(ReceptionTableTest, FiltersByNameAndLabel) {
  for (const char* id : {"a", "b", "c"}) Insert(id);
  ReceptionTable::Filter filter;
  filter.labels["id"] = "b";
  auto cursor = Begin();
  EXPECT_EQ(Read(cursor, filter),
            Changes{"receptions/b:RECEPTION_STATE_WAITING+"});
  Update("a", v1::RECEPTION_STATE_RECEIVING);
  EXPECT_EQ(Read(cursor, filter), Changes());
  filter = {};
  filter.names.insert("receptions/c");
  cursor = Begin();
  EXPECT_EQ(Read(cursor, filter),
            Changes{"receptions/c:RECEPTION_STATE_WAITING+"});
}

TEST_F(ReceptionTableTest, ListsPagesTheNewestFirstWhileTheyComeAndGo) {
  for (const char* id : {"a", "b", "c", "d"}) Insert(id);
  Update("b", v1::RECEPTION_STATE_FAILED);
  v1::ListReceptionsRequest request;
  request.set_page_size(2);
  auto page = table_.List(request);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->receptions(0).name(), "receptions/d");
  EXPECT_EQ(page->receptions(1).name(), "receptions/c");
  EXPECT_EQ(page->receptions(1).spec().labels().at("id"), "c");
  table_.Remove("receptions/b");  // Where the next page begins.
  Insert("e");
  request.set_page_token(page->next_page_token());
  page = table_.List(request);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->receptions_size(), 1);
  EXPECT_EQ(page->receptions(0).name(), "receptions/a");
  EXPECT_EQ(page->next_page_token(), "");
  request.clear_page_token();
  request.add_states(v1::RECEPTION_STATE_FAILED);
  EXPECT_EQ(table_.List(request)->receptions_size(), 0);
  Update("a", v1::RECEPTION_STATE_FAILED);
  EXPECT_EQ(table_.List(request)->receptions_size(), 1);
}

TEST_F(ReceptionTableTest, CountsByStateAndEachByteOnce) {
  // What came in an earlier run is not counted again.
  v1::Reception restored = Reception("old", v1::RECEPTION_STATE_SUCCEEDED);
  restored.set_bytes_received(1'000);
  table_.Insert(restored, 7);
  EXPECT_EQ(table_.TakeNumber(), 8u);
  Insert("a");
  Update("a", v1::RECEPTION_STATE_RECEIVING, 10);
  Update("a", v1::RECEPTION_STATE_RECEIVING, 25);
  Update("a", v1::RECEPTION_STATE_SUCCEEDED, 25);
  v1::Reception from_node = Reception("b", v1::RECEPTION_STATE_FAILED);
  from_node.mutable_spec()->mutable_node()->set_address("192.0.2.1:9877");
  table_.Insert(from_node, table_.TakeNumber());
  Update("b", v1::RECEPTION_STATE_FAILED, 7);
  const ReceptionTable::Totals totals = table_.Count();
  EXPECT_EQ(totals.bytes_received, 32u);
  EXPECT_EQ(totals.bytes_from_nodes, 7u);
  EXPECT_EQ(totals.receptions[v1::RECEPTION_STATE_SUCCEEDED], 2);
  EXPECT_EQ(totals.receptions[v1::RECEPTION_STATE_RECEIVING], 0);
}

TEST_F(ReceptionTableTest, NamesThatAreNotThere) {
  EXPECT_TRUE(absl::IsNotFound(table_.Get("receptions/a").status()));
  EXPECT_FALSE(Update("a", v1::RECEPTION_STATE_FAILED));
  table_.Remove("receptions/a");
  EXPECT_FALSE(table_.contains("receptions/a"));
  Insert("a");
  EXPECT_TRUE(table_.contains("receptions/a"));
}

}  // namespace
}  // namespace tcptool::server
