#include "client/tcptoolctl/distribution_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
using testing::Contains;
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
  EXPECT_EQ(lines.back(), "and 181 more: 7 EXPECTED, 174 DELIVERED");
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

TEST(DistributionTreeTest, ShowsAndSumsFirstWhatIsWrong) {
  DistributionPicture picture = Picture();
  picture.distribution.set_content_length(8 << 20);
  for (int i = 0; i < 100; ++i) {
    v1::Delivery& delivery = Add(picture, absl::StrCat("n", i), "a");
    if (i < 30) {
      delivery.set_bytes_received(4 << 20);
      delivery.set_bytes_per_second(1 << 20);
      delivery.add_moves()->set_to_node("a");
    } else if (i < 50) {
      delivery.set_state(v1::DELIVERY_STATE_WAITING);
    } else if (i < 80) {
      delivery.set_state(v1::DELIVERY_STATE_DELIVERED);
    } else if (i < 90) {
      delivery.set_state(v1::DELIVERY_STATE_FAILED);
    } else {
      delivery.set_standing(v1::DELIVERY_STANDING_SLOW);
    }
  }
  std::vector<std::string> lines =
      DistributionTree(picture, {.rows = 9, .columns = 80});
  EXPECT_EQ(lines.back(),
            "and 96 more: 6 FAILED, 10 RECEIVING (SLOW), 30 RECEIVING "
            "(50%, 30.0 MiB/s, 4s left), 20 WAITING, 30 DELIVERED");
  EXPECT_THAT(Nodes(lines),
              ElementsAre("a", "  n80", "  n81", "  n82", "  n83", "and"));
  // The slow ones are next, then those that have moved.
  lines = DistributionTree(picture, {.rows = 26, .columns = 80});
  EXPECT_THAT(Nodes(lines), AllOf(Contains("  n89"), Contains("  n99"),
                                  Contains("  n0"), Not(Contains("  n1"))));
}

TEST(DistributionTreeTest, SaysHowFarAllAreTogether) {
  DistributionPicture picture = Picture();
  picture.distribution.set_content_length(8 << 20);
  picture.distribution.mutable_counts()->set_receiving(2);
  picture.distribution.mutable_counts()->set_delivered(1);
  picture.distribution.mutable_counts()->set_expected(1);
  for (const char* const node : {"b", "c"}) {
    v1::Delivery& delivery = Add(picture, node, "a");
    delivery.set_bytes_received(4 << 20);
    delivery.set_bytes_per_second(1 << 20);
  }
  Add(picture, "d", "a", v1::DELIVERY_STATE_DELIVERED);
  Add(picture, "e", "a", v1::DELIVERY_STATE_EXPECTED);
  // Wherever there is a row at all.
  for (const size_t rows : {1, 2, 24}) {
    EXPECT_THAT(
        DistributionTree(picture, {.rows = rows, .columns = 80}).front(),
        StartsWith("distributions/first: RUNNING (50%, 2.0 MiB/s, 4s left), "
                   "1 of 4 delivered"));
  }
  picture.distribution.set_state(v1::DISTRIBUTION_STATE_FAILED);
  EXPECT_THAT(DistributionTree(picture, kLarge).front(),
              StartsWith("distributions/first: FAILED, 1 of 4 delivered"));
}

// As a cloud names its machines and zones.
DistributionPicture CloudPicture() {
  DistributionPicture picture = Picture();
  picture.distribution.set_content_length(int64_t{8} << 30);
  std::string parent;
  for (int i = 0; i < 6; ++i) {
    const std::string node =
        absl::StrCat("ip-10-20-30-4", i, ".eu-central-1.compute.internal");
    picture.racks[node] = i < 3 ? "eu-central-1a" : "eu-central-1b";
    if (i == 0) {
      picture.source = node;
    } else {
      v1::Delivery& delivery = Add(picture, node, parent);
      delivery.set_bytes_received(int64_t{3} << 30);
      delivery.set_bytes_per_second(12 << 20);
    }
    parent = node;
  }
  v1::Delivery& slow = picture.deliveries.back();
  slow.set_standing(v1::DELIVERY_STANDING_SLOW);
  slow.add_moves()->set_from_node(parent);
  slow.mutable_moves(0)->set_to_node(picture.source);
  slow.mutable_moves(0)->set_reason("the connection was reset");
  return picture;
}

TEST(DistributionTreeTest, HasRoomForProgressBesideLongNamesIn80Columns) {
  const std::vector<std::string> lines =
      DistributionTree(CloudPicture(), {.rows = 24, .columns = 80});
  EXPECT_THAT(
      lines,
      ElementsAre(
          HasSubstr("distributions/first"),
          "NODE        STATE             FROM        RACK  DONE  RATE"
          "        LEFT   MOVES  DETAIL",
          "ip-\u2026-30-40  SOURCE            -           e\u20261a  -     -"
          "           -      -      -",
          "ip-\u2026-30-41  RECEIVING         ip-\u2026-30-40  e\u20261a  37%"
          "   12.0 MiB/s  7m07s  -      -",
          "ip-\u2026-30-42  RECEIVING         ip-\u2026-30-41  e\u20261a  37%"
          "   12.0 MiB/s  7m07s  -      -",
          "ip-\u2026-30-43  RECEIVING         ip-\u2026-30-42  e\u20261b  37%"
          "   12.0 MiB/s  7m07s  -      -",
          "ip-\u2026-30-44  RECEIVING         ip-\u2026-30-43  e\u20261b  37%"
          "   12.0 MiB/s  7m07s  -      -",
          StartsWith(
              "ip-\u2026-30-45  RECEIVING (SLOW)  ip-\u2026-30-44  e\u20261b"
              "  37%   12.0 MiB/s  7m07s  1      from ip-10")));
}

TEST(DistributionTreeTest, LeavesTheSharedDomainOutIn120Columns) {
  const std::vector<std::string> lines =
      DistributionTree(CloudPicture(), {.rows = 24, .columns = 120});
  EXPECT_EQ(lines[3],
            "ip-10-20-30-41  RECEIVING         ip-10-20-30-40  eu-central-1a"
            "  37%   12.0 MiB/s  7m07s  -      -");
  EXPECT_THAT(lines.back(), HasSubstr("7m07s  1      from ip-10"));
}

TEST(DistributionTreeTest, ShowsNamesAsTheyAreWhereThereIsRoom) {
  EXPECT_THAT(
      DistributionTree(CloudPicture(), {.rows = 24, .columns = 240})[3],
      StartsWith("ip-10-20-30-41.eu-central-1.compute.internal  RECEIVING"));
}

TEST(DistributionTreeTest, HasNoMoreLinesThanTheTerminalHasRoomFor) {
  DistributionPicture picture = Picture();
  for (int i = 0; i < 200; ++i) Add(picture, absl::StrCat("n", i), "a");
  picture.reception.emplace();
  for (size_t rows = 1; rows < 210; ++rows) {
    const std::vector<std::string> lines =
        DistributionTree(picture, {.rows = rows, .columns = 20});
    // The one line is there in any case.
    ASSERT_LT(lines.size(), std::max<size_t>(rows, 2));
    // Each is counted or shown.
    const size_t shown = Nodes(lines).size();
    if (rows > 4 && rows < 206) {
      ASSERT_EQ(lines.size(), rows - 1);
    }
    if (shown == 0 && rows > 2) {
      EXPECT_EQ(lines.back(), "201 nodes: 200 RECEIVING, 1 SOURCE");
    }
  }
  EXPECT_EQ(
      Nodes(DistributionTree(picture, {.rows = 205, .columns = 20})).size(),
      201);
}

TEST(DistributionTreeTest, SumsOneNodeAsOne) {
  EXPECT_THAT(DistributionTree(Picture(), {.rows = 3, .columns = 80}),
              ElementsAre(StartsWith("distributions/first: RUNNING"),
                          "1 node: 1 SOURCE"));
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
    EXPECT_EQ(Columns(lines[i].substr(0, state)), 12) << lines[i];
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
