#include "client/tcptoolctl/distribution_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "text/characters.h"

namespace tcptool {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr TerminalSize kLarge = {.rows = 1000, .columns = 200};

DistributionPicture Picture() {
  DistributionPicture picture;
  picture.distribution.set_name("distributions/first");
  picture.distribution.set_state(v1::DISTRIBUTION_STATE_RUNNING);
  picture.source = "a";
  return picture;
}

v1::Delivery& Add(DistributionPicture& picture, absl::string_view node,
                  absl::string_view parent,
                  v1::DeliveryState state = v1::DELIVERY_STATE_RECEIVING) {
  v1::Delivery& delivery = picture.deliveries.emplace_back();
  delivery.set_node(std::string(node));
  delivery.set_parent(std::string(parent));
  delivery.set_state(state);
  delivery.set_standing(v1::DELIVERY_STANDING_REGULAR);
  return delivery;
}

// The first word of each line below the table's head, with what is before it.
std::vector<std::string> Nodes(const std::vector<std::string>& lines) {
  std::vector<std::string> nodes;
  bool is_below = false;
  for (const std::string& line : lines) {
    if (is_below) {
      nodes.push_back(
          line.substr(0, line.find(' ', line.find_first_not_of(' '))));
    }
    is_below = is_below || absl::StartsWith(line, "NODE");
  }
  return nodes;
}

TEST(DistributionTreeTest, HasALineForEachNodeBehindItsParentARackTogether) {
  DistributionPicture picture = Picture();
  picture.racks = {{"a", "r2"}, {"b", "r1"}, {"c", "r2"}, {"d", "r1"}};
  picture.distribution.mutable_counts()->set_receiving(2);
  picture.distribution.mutable_counts()->set_delivered(1);
  v1::Delivery& b = Add(picture, "b", "d");
  v1::ParentMove& move = *b.add_moves();
  move.set_from_node("x");
  move.set_to_node("d");
  move.set_offset(3 << 20);
  move.set_reason("nothing came");
  Add(picture, "c", "a", v1::DELIVERY_STATE_DELIVERED);
  Add(picture, "d", "c").set_standing(v1::DELIVERY_STANDING_SLOW);
  EXPECT_THAT(
      DistributionTree(picture, kLarge),
      ElementsAre("distributions/first: RUNNING, 1 of 3 delivered, 2 receiving",
                  "NODE  STATE             FROM  RACK  MOVES  DETAIL",
                  "a     SOURCE            -     r2    -      -",
                  "c     DELIVERED         a     r2    -      -",
                  "d     RECEIVING (SLOW)  c     r1    -      -",
                  "b     RECEIVING         d     r1    1      "
                  "from x to d at 3.0 MiB: nothing came"));
}

TEST(DistributionTreeTest, HasColumnsForProgressWhereItIsKnownOfANode) {
  DistributionPicture picture = Picture();
  picture.distribution.set_content_length(8 << 20);
  v1::Delivery& b = Add(picture, "b", "a");
  b.set_bytes_received(3 << 20);
  b.set_bytes_per_second(2 << 20);
  Add(picture, "c", "b");
  EXPECT_THAT(
      DistributionTree(picture, kLarge),
      ElementsAre(
          HasSubstr("distributions/first"),
          "NODE  STATE      FROM  RACK  DONE  RATE       LEFT  MOVES  "
          "DETAIL",
          "a     SOURCE     -     -     -     -          -     -      -",
          "b     RECEIVING  a     -     37%   2.0 MiB/s  3s    -      -",
          "c     RECEIVING  b     -     -     -          -     -      "
          "-"));
}

TEST(DistributionTreeTest, SumsProgressOfWhatDoesNotFit) {
  DistributionPicture picture = Picture();
  picture.distribution.set_content_length(8 << 20);
  for (const char* const node : {"b", "c", "d", "e"}) {
    v1::Delivery& delivery = Add(picture, node, "a");
    delivery.set_bytes_received(4 << 20);
    delivery.set_bytes_per_second(1 << 20);
  }
  const std::vector<std::string> lines =
      DistributionTree(picture, {.rows = 6, .columns = 80});
  EXPECT_EQ(lines.back(), "and 3 more: 3 RECEIVING (50%, 3.0 MiB/s, 4s left)");
}

TEST(DistributionTreeTest, IndentsWhereItBranches) {
  DistributionPicture picture = Picture();
  Add(picture, "b", "a");
  Add(picture, "c", "a");
  Add(picture, "d", "b");
  Add(picture, "e", "b");
  Add(picture, "f", "d");
  EXPECT_THAT(Nodes(DistributionTree(picture, kLarge)),
              ElementsAre("a", "  b", "    d", "    f", "    e", "  c"));
}

TEST(DistributionTreeTest, ShowsEachNodeOnceWhereParentsAreInACircle) {
  DistributionPicture picture = Picture();
  Add(picture, "b", "c");
  Add(picture, "c", "d");
  Add(picture, "d", "b");
  Add(picture, "e", "e");
  EXPECT_THAT(Nodes(DistributionTree(picture, kLarge)),
              ElementsAre("a", "b", "d", "c", "e"));
}

TEST(DistributionTreeTest, ShowsNodesWhoseParentIsNotKnown) {
  DistributionPicture picture = Picture();
  picture.source.clear();
  Add(picture, "b", "", v1::DELIVERY_STATE_EXPECTED);
  Add(picture, "c", "gone");
  EXPECT_THAT(Nodes(DistributionTree(picture, kLarge)), ElementsAre("b", "c"));
}

TEST(DistributionTreeTest, SumsWhatDoesNotFitAndThatHasEndedWellFirst) {
  DistributionPicture picture = Picture();
  std::string parent = "a";
  for (int i = 0; i < 200; ++i) {
    const std::string node = absl::StrFormat("n%03d", i);
    v1::DeliveryState state = v1::DELIVERY_STATE_DELIVERED;
    if (i % 40 == 7) state = v1::DELIVERY_STATE_RECEIVING;
    if (i == 100) state = v1::DELIVERY_STATE_FAILED;
    if (i >= 180) state = v1::DELIVERY_STATE_EXPECTED;
    Add(picture, node, parent, state);
    parent = node;
  }
  std::vector<std::string> lines =
      DistributionTree(picture, {.rows = 24, .columns = 80});
  // One row is left for the cursor.
  ASSERT_EQ(lines.size(), 23);
  EXPECT_EQ(lines.back(), "and 181 more: 174 DELIVERED, 7 EXPECTED");
  lines.pop_back();
  EXPECT_THAT(
      Nodes(lines),
      ElementsAre("a", "n007", "n047", "n087", "n100", "n127", "n167", "n180",
                  "n181", "n182", "n183", "n184", "n185", "n186", "n187",
                  "n188", "n189", "n190", "n191", "n192"));
}

TEST(DistributionTreeTest, ShowsWhoHasMovedBeforeOthersThatReceive) {
  DistributionPicture picture = Picture();
  for (int i = 0; i < 100; ++i) Add(picture, absl::StrCat("n", i), "a");
  picture.deliveries[70].add_moves()->set_to_node("a");
  picture.deliveries[80].set_standing(v1::DELIVERY_STANDING_SLOW);
  const std::vector<std::string> lines =
      DistributionTree(picture, {.rows = 7, .columns = 80});
  EXPECT_THAT(Nodes(lines), ElementsAre("a", "  n70", "  n80", "and"));
}

TEST(DistributionTreeTest, HasNoMoreLinesThanTheTerminalHasRoomFor) {
  DistributionPicture picture = Picture();
  for (int i = 0; i < 200; ++i) Add(picture, absl::StrCat("n", i), "a");
  picture.reception.emplace();
  for (size_t rows = 3; rows < 210; ++rows) {
    const std::vector<std::string> lines =
        DistributionTree(picture, {.rows = rows, .columns = 20});
    ASSERT_LT(lines.size(), rows);
    // Each is counted or shown.
    const size_t shown = Nodes(lines).size();
    if (rows > 4 && rows < 206) {
      ASSERT_EQ(lines.size(), rows - 1);
    }
    if (shown == 0) {
      EXPECT_EQ(lines.back(), "201 nodes: 200 RECEIVING, 1 SOURCE");
    }
  }
  EXPECT_EQ(
      Nodes(DistributionTree(picture, {.rows = 205, .columns = 20})).size(),
      201);
}

TEST(DistributionTreeTest, LeavesRoomBesideLongNamesAndKeepsColumnsStraight) {
  DistributionPicture picture = Picture();
  Add(picture, std::string(63, 'x'), "a");
  Add(picture, "\u65e5\u672c\u65e5\u672c\u65e5\u672c", "a");
  const std::vector<std::string> lines =
      DistributionTree(picture, {.rows = 24, .columns = 20});
  ASSERT_EQ(lines.size(), 5);
  for (size_t i = 1; i < lines.size(); ++i) {
    // The states begin in one column.
    const size_t state = lines[i].find_first_of("SR", 4);
    EXPECT_EQ(Columns(lines[i].substr(0, state)), 14) << lines[i];
  }
}

TEST(DistributionTreeTest, ShowsNothingThatSteersATerminal) {
  DistributionPicture picture = Picture();
  picture.distribution.set_detail("\x1b[2J");
  picture.racks["\x1b[1mb"] = "\x1b[5m";
  v1::Delivery& delivery = Add(picture, "\x1b[1mb", "\u009b0m");
  delivery.set_detail("no\nroom");
  picture.reception.emplace().set_detail("\x07");
  picture.reception->set_bytes_received(1);
  const std::string text = absl::StrJoin(DistributionTree(picture, kLarge), "");
  EXPECT_EQ(text, Printable(text));
  EXPECT_THAT(text, AllOf(HasSubstr("?[1mb"), HasSubstr("no?room")));
}

TEST(DistributionTreeTest, HasRoomForAChainOfAWholeFleet) {
  DistributionPicture picture = Picture();
  std::string parent = "a";
  for (int i = 0; i < 10000; ++i) {
    const std::string node = absl::StrFormat("n%05d", i);
    Add(picture, node, parent);
    parent = node;
  }
  const std::vector<std::string> lines =
      DistributionTree(picture, {.rows = 20000, .columns = 80});
  EXPECT_EQ(lines.size(), 10003);
  EXPECT_THAT(lines.back(), StartsWith("n09999 "));
}

TEST(DistributionTreeTest, SaysHowFarTheNodeThatIsAskedIs) {
  DistributionPicture picture = Picture();
  Add(picture, "b", "a");
  v1::Reception& reception = picture.reception.emplace();
  reception.set_state(v1::RECEPTION_STATE_RECEIVING);
  reception.set_bytes_received(3 << 20);
  reception.set_content_length(8 << 20);
  reception.set_bytes_per_second(1 << 20);
  const std::string said =
      "this node: RECEIVING, 3.0 MiB of 8.0 MiB, 1.0 MiB/s, 5s left";
  EXPECT_EQ(DistributionTree(picture, kLarge)[1], said);
  // Where nothing comes there is no telling.
  reception.set_bytes_per_second(0);
  EXPECT_THAT(DistributionTree(picture, kLarge)[1], Not(HasSubstr("left")));
}

}  // namespace
}  // namespace tcptool
