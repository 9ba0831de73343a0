#include "client/tcptoolctl/tree_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "text/characters.h"

namespace tcptool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TreeRow Row(const std::string& node, const std::string& from) {
  return {.indented = 0,
          .node = node,
          .state = "RECEIVING (SLOW)",
          .from = from,
          .rack = "a-rack-of-a-large-building",
          .done = "100%",
          .rate = "1023.9 MiB/s",
          .left = "11h59m",
          .moves = "12",
          .detail = "nothing came"};
}

TEST(TreeTableTest, HasColumnsForWhatThereIs) {
  std::vector<TreeRow> rows(2);
  rows[0].node = "a";
  rows[0].state = "SOURCE";
  rows[1].indented = 1;
  rows[1].node = "b";
  rows[1].state = "WAITING";
  EXPECT_THAT(TreeTable(rows, 80),
              ElementsAre("NODE  STATE    FROM  RACK  MOVES  DETAIL",
                          "a     SOURCE   -     -     -      -",
                          "  b   WAITING  -     -     -      -"));
}

TEST(TreeTableTest, ShowsStateAndProgressInAnyTerminalOf60Columns) {
  // Indented as deep as can be.
  std::vector<TreeRow> rows;
  for (size_t i = 0; i < 10; ++i) {
    rows.push_back(Row(absl::StrCat(std::string(60, 'x'), i),
                       absl::StrCat(std::string(60, 'x'), i + 1)));
    rows.back().indented = i;
  }
  for (size_t columns = 60; columns < 300; ++columns) {
    const std::vector<std::string> lines = TreeTable(rows, columns);
    ASSERT_EQ(lines.size(), 11);
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::string seen(Truncate(lines[i], columns));
      for (const char* const text :
           {"RECEIVING (SLOW)", "100%", "1023.9 MiB/s", "11h59m"}) {
        ASSERT_THAT(seen, HasSubstr(text)) << columns;
      }
      ASSERT_THAT(seen, HasSubstr(absl::StrCat("x", i - 1, " "))) << columns;
    }
  }
}

TEST(TreeTableTest, HasNoColumnsForRacksMovesAndParentsWithoutRoomForNames) {
  const std::vector<TreeRow> rows = {Row("a-name-of-a-node", "a-parent")};
  const auto head = [&](size_t columns) { return TreeTable(rows, columns)[0]; };
  EXPECT_THAT(head(90), HasSubstr("RACK"));
  EXPECT_THAT(head(77), Not(HasSubstr("RACK")));
  EXPECT_THAT(head(77), HasSubstr("MOVES"));
  EXPECT_THAT(head(70), Not(HasSubstr("MOVES")));
  EXPECT_THAT(head(70), HasSubstr("FROM"));
  EXPECT_THAT(head(60), Not(HasSubstr("FROM")));
  EXPECT_THAT(head(60), HasSubstr("LEFT"));
}

}  // namespace
}  // namespace tcptool
