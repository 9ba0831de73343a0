// What watchers of distributions are told, and how distributions are listed.
#include "server/fleet/service/distribution_table.h"

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/api/page_token.h"
#include "server/watch/change_log.h"
#include "tests/server/fleet/service/watched_table.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kPlanning = api::DISTRIBUTION_STATE_PLANNING;
constexpr auto kRunning = api::DISTRIBUTION_STATE_RUNNING;
constexpr auto kFailed = api::DISTRIBUTION_STATE_FAILED;

using DistributionTableTest = WatchedTable;

TEST_F(DistributionTableTest, AWatchBeginsWithWhatIsThere) {
  for (const std::string id : {"a", "b", "c"}) Set(id, id[0]);
  DistributionTable::Cursor cursor = Begin();
  EXPECT_THAT(Read(cursor), ElementsAre("a:1+", "b:1+", "c:1+"));
  EXPECT_TRUE(Set("b", 'b', kRunning));
  EXPECT_THAT(Read(cursor), ElementsAre("b:2"));
  EXPECT_THAT(Read(cursor), IsEmpty());
}

TEST_F(DistributionTableTest, ABasicWatchHasOfTheSpecTheLabelsAlone) {
  const auto set = [this](const std::string& id) {
    api::Distribution distribution;
    distribution.set_name("distributions/" + id);
    distribution.mutable_spec()->mutable_targets()->set_all(true);
    (*distribution.mutable_spec()->mutable_labels())["id"] = id;
    table_.Set(distribution, id[0]);
  };
  set("before");
  DistributionTable::Filter filter;
  filter.view = api::VIEW_BASIC;
  DistributionTable::Cursor cursor = Begin();
  const auto expect_basic = [&](const std::string& id) {
    api::WatchDistributionsResponse response;
    ASSERT_TRUE(table_.Next(filter, cursor, 2, response).ok());
    ASSERT_EQ(response.changes_size(), 1);
    const api::DistributionSpec& spec =
        response.changes(0).distribution().spec();
    EXPECT_EQ(spec.labels().at("id"), id);
    EXPECT_FALSE(spec.has_targets());
  };
  expect_basic("before");
  set("next");
  expect_basic("next");
}

TEST_F(DistributionTableTest, ListsAndWatchesAreOfLabelsAndSources) {
  const auto set = [this](const std::string& id, const std::string& node,
                          const std::string& job) {
    api::Distribution distribution;
    distribution.set_name("distributions/" + id);
    distribution.set_state(kPlanning);
    api::DistributionSpec& spec = *distribution.mutable_spec();
    if (node.empty()) spec.mutable_upload();
    if (!node.empty()) spec.mutable_file()->set_node(node);
    (*spec.mutable_labels())["job"] = job;
    table_.Set(distribution, id[0]);
  };
  set("a", "node1", "7");
  set("b", "node2", "7");
  set("c", "", "7");
  set("d", "node1", "8");
  api::ListDistributionsRequest request;
  DistributionTable::Filter filter;
  const auto listed = [&] {
    std::string ids;
    const auto page = table_.List(request);
    EXPECT_TRUE(page.ok()) << page.status();
    for (const auto& one : page->distributions()) ids += one.name().substr(14);
    return ids;
  };
  const auto watched = [&] {
    DistributionTable::Cursor cursor = Begin();
    return Read(cursor, filter);
  };
  filter.labels["job"] = (*request.mutable_labels())["job"] = "7";
  EXPECT_EQ(listed(), "cba");
  EXPECT_THAT(watched(), ElementsAre("a:1+", "b:1+", "c:1+"));
  api::FleetSourceFilter& source =
      *request.mutable_distribution_filter()->mutable_source();
  source.set_file("node1");
  *filter.selection.mutable_source() = source;
  EXPECT_EQ(listed(), "a");
  EXPECT_THAT(watched(), ElementsAre("a:1+"));
  DistributionTable::Cursor cursor = Begin();
  Read(cursor, filter);
  set("e", "node1", "7");
  set("f", "node2", "7");
  EXPECT_THAT(Read(cursor, filter), ElementsAre("e:1+"));
  source.set_upload(true);
  EXPECT_EQ(listed(), "c");
}

TEST_F(DistributionTableTest, ASnapshotHasWhatEndsWhileItIsRead) {
  for (const std::string id : {"a", "b"}) Set(id, id[0]);
  DistributionTable::Filter filter;
  filter.selection.mutable_end_time()->mutable_since()->set_seconds(100);
  DistributionTable::Cursor cursor = Begin();
  api::WatchDistributionsResponse first;
  ASSERT_TRUE(table_.Next(filter, cursor, 1, first).ok());
  ASSERT_EQ(first.changes_size(), 1);
  api::Distribution ended;
  ended.set_name("distributions/b");
  ended.set_state(kFailed);
  ended.mutable_end_time()->set_seconds(50);
  table_.Set(ended, 'b');
  EXPECT_THAT(Read(cursor, filter), ElementsAre("b:5+", "b:5"));
}

TEST_F(DistributionTableTest, CountsByStateOnceItIsReady) {
  EXPECT_FALSE(DistributionTable().Count());
  Set("a", 1, kRunning);
  Set("b", 2, kRunning);
  Set("c", 3);
  Set("c", 3, kFailed);
  api::Distribution distribution;
  for (const std::string id : {"a", "b"}) {
    distribution.set_name("distributions/" + id);
    distribution.set_state(kRunning);
    distribution.mutable_counts()->set_receiving(5);
    distribution.mutable_counts()->set_delivered(2);
    table_.Set(distribution, id == "a" ? 1 : 2);
  }
  Set("newer", 4, static_cast<api::DistributionState>(8));
  const auto totals = table_.Count();
  ASSERT_TRUE(totals);
  EXPECT_THAT(totals->distributions, ElementsAre(0, 0, 2, 0, 0, 1, 0, 0));
  EXPECT_THAT(totals->deliveries, ElementsAre(0, 0, 0, 10, 0, 4, 0, 0));
  table_.Remove("distributions/a");
  EXPECT_THAT(table_.Count()->deliveries, ElementsAre(0, 0, 0, 5, 0, 2, 0, 0));
}

TEST_F(DistributionTableTest, NothingIsToldOfWhatHasNotChanged) {
  Set("a", 1);
  DistributionTable::Cursor cursor = Begin();
  Read(cursor);
  EXPECT_FALSE(Set("a", 1));
  EXPECT_THAT(Read(cursor), IsEmpty());
}

TEST_F(DistributionTableTest, AResumedWatchIsToldWhatItHasMissed) {
  Set("a", 1);
  Set("b", 2);
  DistributionTable::Cursor cursor = Begin();
  Read(cursor);
  Set("c", 3);
  Set("a", 1, kRunning);
  EXPECT_TRUE(table_.Remove("distributions/b"));
  EXPECT_FALSE(table_.Remove("distributions/b"));
  DistributionTable::Cursor resumed = Begin(cursor.revision);
  EXPECT_THAT(Read(resumed), ElementsAre("c:1+", "a:2", "-b"));
}

TEST_F(DistributionTableTest, ASpecComesAlsoWhereItsEntryMovesOnBetweenReads) {
  DistributionTable::Cursor cursor = Begin();
  EXPECT_THAT(Read(cursor), IsEmpty());
  for (const std::string id : {"a", "b", "c"}) Set(id, id[0]);
  // A message has two changes: "a" is in the next one.
  Set("a", 'a', kRunning);
  EXPECT_THAT(Read(cursor), ElementsAre("b:1+", "c:1+", "a:2+"));
  Set("a", 'a', kFailed);
  EXPECT_THAT(Read(cursor), ElementsAre("a:5"));
}

TEST_F(DistributionTableTest, TheEndOfOneThatIsDeletedIsToldFirst) {
  Set("a", 1);
  DistributionTable::Cursor cursor = Begin();
  Read(cursor);
  Set("a", 1, kFailed);
  table_.Remove("distributions/a");
  EXPECT_THAT(Read(cursor), ElementsAre("a:5", "-a"));
}

TEST_F(DistributionTableTest, AnotherOneOfTheSameNameIsNotTheSame) {
  Set("a", 1, kFailed);
  DistributionTable::Cursor cursor = Begin();
  Read(cursor);
  Set("a", 2);
  EXPECT_THAT(Read(cursor), ElementsAre("-a", "a:1+"));
}

TEST_F(DistributionTableTest, NumbersComeAgainWhenEtcdHasGoneBack) {
  Set("b", 5);
  DistributionTable::Cursor cursor = Begin();
  Read(cursor);
  Set("a", 5);
  EXPECT_THAT(Read(cursor), ElementsAre("-b", "a:1+"));
  EXPECT_FALSE(table_.Remove("distributions/b"));
  api::Distribution other;
  other.set_name("distributions/a");
  other.set_uid("another");
  EXPECT_TRUE(table_.Set(other, 5));
  EXPECT_THAT(Read(cursor), ElementsAre("-a", "a:0+"));
  EXPECT_TRUE(table_.Get("distributions/a").ok());
}

TEST_F(DistributionTableTest, AWatchOfNamesIsToldOfNoOthers) {
  Set("a", 1);
  Set("b", 2);
  DistributionTable::Cursor cursor = Begin();
  DistributionTable::Filter filter;
  filter.names = {"distributions/b"};
  filter.include_moves = true;
  EXPECT_THAT(Read(cursor, filter), ElementsAre("b:1+"));
  Set("a", 1, kRunning);
  SetMoves("a", {5});
  EXPECT_THAT(Read(cursor, filter), IsEmpty());
  SetMoves("b", {5});
  EXPECT_THAT(Read(cursor, filter), ElementsAre("b/deliveries/n@5"));
}

TEST_F(DistributionTableTest, ARevisionOfAnotherNodeIsOutOfRange) {
  EXPECT_EQ(table_.Begin(1).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(DistributionTableTest, AWatcherTooSlowForTheDeletionsIsToldSo) {
  Set("goes", 1);
  DistributionTable::Cursor slow = Begin();
  // It has not read its snapshot when all is over.
  DistributionTable::Cursor unread = slow;
  Read(slow);
  table_.Remove("distributions/goes");
  for (size_t i = 0; i < server::ChangeLog<int, int>::kMaxDeletions; ++i) {
    Set("comes", static_cast<int64_t>(i) + 2);
    table_.Remove("distributions/comes");
  }
  // It would never learn that "goes" is gone.
  for (DistributionTable::Cursor* cursor : {&slow, &unread}) {
    api::WatchDistributionsResponse response;
    const auto more = table_.Next({}, *cursor, 2, response);
    EXPECT_TRUE(absl::IsOutOfRange(more.status())) << more.status();
  }
  EXPECT_TRUE(absl::IsOutOfRange(table_.Begin(slow.revision).status()));
}

// Numbers are etcd's: they outlive the node, and are the same at others.
TEST_F(DistributionTableTest, APageTokenIsGoodAtEveryNode) {
  DistributionTable other;
  other.SetReady();
  for (const std::string id : {"a", "b", "c"}) {
    Set(id, id[0]);
    api::Distribution distribution;
    distribution.set_name("distributions/" + id);
    other.Set(distribution, id[0]);
  }
  api::ListDistributionsRequest request;
  request.set_page_size(2);
  request.set_page_token(table_.List(request)->next_page_token());
  // The one that the page begins with is gone there.
  other.Remove("distributions/a");
  api::Distribution late;
  late.set_name("distributions/late");
  other.Set(late, 'A');
  const auto page = other.List(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->distributions_size(), 1);
  EXPECT_EQ(page->distributions(0).name(), "distributions/late");
}

TEST_F(DistributionTableTest, ANumberBeyondAllBeginsWithTheNewest) {
  for (const std::string id : {"a", "b"}) Set(id, id[0]);
  api::ListDistributionsRequest request;
  request.set_page_token(
      server::Page::Of(request)->Token(std::numeric_limits<uint64_t>::max()));
  const auto page = table_.List(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->distributions_size(), 2);
  EXPECT_EQ(page->distributions(0).name(), "distributions/b");
}

TEST_F(DistributionTableTest, PagesHaveTheNewestFirst) {
  for (const std::string id : {"a", "b", "c"}) {
    Set(id, id[0], id == "b" ? kRunning : kPlanning);
  }
  api::ListDistributionsRequest request;
  request.set_page_size(2);
  auto page = table_.List(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->distributions_size(), 2);
  EXPECT_EQ(page->distributions(0).name(), "distributions/c");
  EXPECT_TRUE(page->distributions(0).has_spec());
  // What is made meanwhile is on no later page.
  Set("d", 'd');
  request.set_page_token(page->next_page_token());
  page = table_.List(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->distributions_size(), 1);
  EXPECT_EQ(page->distributions(0).name(), "distributions/a");
  EXPECT_EQ(page->next_page_token(), "");
  request.clear_page_token();
  request.add_states(kRunning);
  page = table_.List(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->distributions_size(), 1);
  EXPECT_EQ(page->distributions(0).name(), "distributions/b");
}

TEST_F(DistributionTableTest, ListsAndWatchesHaveTheSameFilter) {
  for (const std::string id : {"a1", "a2", "b"}) Set(id, id.back());
  DistributionTable::Filter filter;
  filter.selection.set_name_prefix("a");
  DistributionTable::Cursor cursor = Begin();
  EXPECT_THAT(Read(cursor, filter), ElementsAre("a1:1+", "a2:1+"));
  Set("b", 'b', kRunning);
  Set("a2", '2', kRunning);
  EXPECT_THAT(Read(cursor, filter), ElementsAre("a2:2"));
  api::ListDistributionsRequest request;
  *request.mutable_distribution_filter() = filter.selection;
  request.add_states(kRunning);
  const auto page = table_.List(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->distributions_size(), 1);
  EXPECT_EQ(page->distributions(0).name(), "distributions/a2");
  // Nothing has ended.
  request.mutable_distribution_filter()->mutable_end_time();
  EXPECT_EQ(table_.List(request)->distributions_size(), 0);
}

TEST(DistributionTable, IsUnavailableBeforeAllIsThere) {
  const DistributionTable table;
  EXPECT_TRUE(absl::IsUnavailable(table.Get("distributions/a").status()));
  EXPECT_TRUE(absl::IsUnavailable(table.List({}).status()));
  EXPECT_TRUE(absl::IsUnavailable(table.Begin(0).status()));
}

}  // namespace
}  // namespace tcptool::fleet
