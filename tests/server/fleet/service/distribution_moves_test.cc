// What watchers of distributions are told of nodes that go to other parents.
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/service/serving_node.h"
#include "tests/server/fleet/service/watched_table.h"

namespace tcptool::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MovesTest : public WatchedTable {
 protected:
  MovesTest() {
    filter_.include_moves = true;
    Set("a", 1);
  }

  DistributionTable::Filter filter_;
};

TEST_F(MovesTest, EachIsToldOnceToWhomWantsIt) {
  DistributionTable::Cursor cursor = Begin();
  DistributionTable::Cursor other = Begin();
  EXPECT_THAT(Read(cursor, filter_), ElementsAre("a:1+"));
  Read(other);
  EXPECT_TRUE(SetMoves("a", {5}));
  EXPECT_THAT(Read(cursor, filter_), ElementsAre("a/deliveries/n@5"));
  EXPECT_FALSE(SetMoves("a", {5}));
  EXPECT_TRUE(SetMoves("a", {5, 6, 7}));
  EXPECT_THAT(Read(cursor, filter_),
              ElementsAre("a/deliveries/n@6", "a/deliveries/n@7"));
  EXPECT_THAT(Read(cursor, filter_), IsEmpty());
  EXPECT_THAT(Read(other), IsEmpty());
}

TEST_F(MovesTest, ASnapshotHasNone) {
  SetMoves("a", {5});
  DistributionTable::Cursor cursor = Begin();
  EXPECT_THAT(Read(cursor, filter_), ElementsAre("a:1+"));
}

TEST_F(MovesTest, OneOfADistributionThatIsNewComesAfterIt) {
  DistributionTable::Cursor cursor = Begin();
  Read(cursor, filter_);
  Set("b", 2);
  SetMoves("b", {5, 6});
  Set("b", 2, api::DISTRIBUTION_STATE_RUNNING);
  EXPECT_EQ(Read(cursor, filter_).front(), "b:2+");
}

TEST_F(MovesTest, AResumedWatchIsToldWhatItHasMissed) {
  DistributionTable::Cursor cursor = Begin();
  SetMoves("a", {5});
  Read(cursor, filter_);
  SetMoves("a", {5, 6});
  DistributionTable::Cursor resumed = Begin(cursor.revision);
  EXPECT_THAT(Read(resumed, filter_), ElementsAre("a/deliveries/n@6"));
}

// A record has the last few, and none when the node's process begins anew.
TEST_F(MovesTest, TheLogHasNoneThatTheRecordHasNoMore) {
  DistributionTable::Cursor cursor = Begin();
  Read(cursor, filter_);
  SetMoves("a", {5, 6});
  SetMoves("a", {6, 7});
  EXPECT_THAT(Read(cursor, filter_),
              ElementsAre("a/deliveries/n@6", "a/deliveries/n@7"));
  SetMoves("a", {6, 7, 8});
  SetMoves("a", {});
  EXPECT_THAT(Read(cursor, filter_), IsEmpty());
  SetMoves("a", {1});
  EXPECT_THAT(Read(cursor, filter_), ElementsAre("a/deliveries/n@1"));
}

TEST_F(MovesTest, ThoseOfADistributionGoWithIt) {
  DistributionTable::Cursor cursor = Begin();
  Read(cursor, filter_);
  SetMoves("a", {5});
  table_.Remove("distributions/a");
  EXPECT_FALSE(SetMoves("a", {5}));
  EXPECT_THAT(Read(cursor, filter_), ElementsAre("-a"));
}

TEST(MovesOfAFleetTest, ComeFromTheRecordsOfDeliveries) {
  asio::io_context thread;
  const auto work = asio::make_work_guard(thread);
  TestFleet fleet;
  fleet.AddNode("source");
  fleet.AddNodes(3);
  ServingNode node(thread, fleet);
  node.Read();
  ASSERT_TRUE(node.Create(RequestToAll("image")).ok());
  fleet.Coordinate();
  DistributionTable::Filter filter;
  filter.include_moves = true;
  DistributionTable::Cursor cursor = *node.table().Begin(0);
  std::vector<api::DeliveryMove> moves;
  const auto read = [&] {
    bool more = true;
    while (more) {
      api::WatchDistributionsResponse response;
      more = *node.table().Next(filter, cursor, 64, response);
      for (const api::DistributionChange& change : response.changes()) {
        if (change.has_move()) moves.push_back(change.move());
      }
    }
    return moves.size();
  };
  EXPECT_EQ(read(), 0U);
  fleet.PutMoves("image", "n2", {{"n1", "source"}}, /*is_fault=*/true,
                 absl::FromUnixSeconds(7));
  node.RunUntil([&read] { return read() == 1; });
  EXPECT_EQ(moves[0].delivery(), "distributions/image/deliveries/n2");
  EXPECT_EQ(moves[0].move().from_node(), "n1");
  EXPECT_EQ(moves[0].move().to_node(), "source");
  EXPECT_EQ(moves[0].move().move_time().seconds(), 7);
}

}  // namespace
}  // namespace tcptool::fleet
