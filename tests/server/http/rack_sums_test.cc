#include "server/http/rack_sums.h"

#include <gtest/gtest.h>

#include "tests/server/http/overviews.h"

namespace tcptool::server {
namespace {

TEST(RackSumsTest, SumsEachRackAndSaysFromWhichItReceives) {
  auto overview = NewOverview();
  AddTarget(overview, "a", "source", "r1", v1::DELIVERY_STATE_DELIVERED);
  AddTarget(overview, "b", "a", "r2");
  // Its rack receives from the one that most receive from.
  AddTarget(overview, "c", "b", "r3");
  AddTarget(overview, "d", "b", "r3")
      .delivery.set_standing(v1::DELIVERY_STANDING_SLOW);
  AddMove(AddTarget(overview, "e", "a", "r3"), "b", "a", "reset");
  // Within the rack.
  AddTarget(overview, "f", "e", "r3");
  AddTarget(overview, "g", "", "", v1::DELIVERY_STATE_EXPECTED).place = {};
  const auto racks = SumByRack(overview, 100);
  ASSERT_EQ(racks.size(), 4U);
  EXPECT_EQ(racks[0].name, "rack r1");
  EXPECT_TRUE(racks[0].has_source);
  EXPECT_EQ(racks[0].counts.delivered(), 1);
  EXPECT_EQ(racks[0].parent, std::nullopt);
  EXPECT_EQ(racks[1].name, "rack r2");
  EXPECT_EQ(racks[1].parent, 0U);
  EXPECT_EQ(racks[2].name, "rack r3");
  EXPECT_EQ(racks[2].counts.receiving(), 4);
  EXPECT_EQ(racks[2].slow, 1);
  EXPECT_EQ(racks[2].moved, 1);
  EXPECT_EQ(racks[2].parent, 1U);
  EXPECT_EQ(racks[3].name, "not there");
  EXPECT_EQ(racks[3].counts.expected(), 1);
}

TEST(RackSumsTest, SumsProgressWhereItIsKnown) {
  auto overview = NewOverview();
  overview.distribution.set_content_length(8 << 20);
  for (const char* const node : {"a", "b", "c"}) {
    AddTarget(overview, node, "source", absl::StrCat("x", node))
        .delivery.set_bytes_received(2 << 20);
  }
  AddTarget(overview, "d", "source", "xa");
  const auto racks = SumByRack(overview, 2);
  ASSERT_EQ(racks.size(), 3U);
  EXPECT_EQ(racks[0].progress.done, "") << "The source's.";
  EXPECT_EQ(racks[1].name, "rack xa");
  EXPECT_EQ(racks[1].progress.done, "25%") << "Of one of its two.";
  EXPECT_EQ(racks[2].name, "2 other racks");
  EXPECT_EQ(racks[2].progress.done, "25%");
}

TEST(RackSumsTest, OfManyRacksThoseWithTroubleAndTheLargeOnesAreShown) {
  auto overview = NewOverview();
  for (int i = 100; i < 200; ++i) {
    AddTarget(overview, absl::StrCat("n", i), "source", absl::StrCat("x", i));
  }
  AddTarget(overview, "n200", "source", "x150");
  AddTarget(overview, "n201", "n200", "x160", v1::DELIVERY_STATE_FAILED);
  const auto racks = SumByRack(overview, 3);
  ASSERT_EQ(racks.size(), 4U);
  EXPECT_EQ(racks[0].name, "rack r1");
  EXPECT_EQ(racks[1].name, "rack x150");
  EXPECT_EQ(racks[2].name, "rack x160");
  EXPECT_EQ(racks[2].counts.failed(), 1);
  EXPECT_EQ(racks[3].name, "98 other racks");
  EXPECT_EQ(racks[3].counts.receiving(), 98);
  EXPECT_EQ(racks[3].parent, std::nullopt);
}

}  // namespace
}  // namespace tcptool::server
