// What is written to a terminal between two trees of a large distribution.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/tcptoolctl/distribution_tree.h"
#include "client/tcptoolctl/redraw.h"
#include "text/characters.h"

namespace tcptool {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kNodes = 200;
constexpr TerminalSize kLarge = {.rows = 250, .columns = 100};
constexpr TerminalSize kUsual = {.rows = 24, .columns = 100};
// The distribution, the table's head and the source.
constexpr size_t kLinesBefore = 3;

// All receive, in a chain.
DistributionPicture Picture() {
  DistributionPicture picture;
  picture.distribution.set_name("distributions/first");
  picture.distribution.set_state(v1::DISTRIBUTION_STATE_RUNNING);
  picture.distribution.set_content_length(int64_t{1} << 30);
  picture.distribution.mutable_counts()->set_receiving(kNodes);
  picture.source = "a";
  std::string parent = picture.source;
  for (int i = 0; i < kNodes; ++i) {
    v1::Delivery& delivery = picture.deliveries.emplace_back();
    delivery.set_node(absl::StrFormat("n%03d", i));
    delivery.set_parent(parent);
    delivery.set_state(v1::DELIVERY_STATE_RECEIVING);
    delivery.set_standing(v1::DELIVERY_STANDING_REGULAR);
    delivery.set_bytes_received(400 << 20);
    delivery.set_bytes_per_second(2 << 20);
    parent = delivery.node();
  }
  return picture;
}

// As Screen draws them.
std::vector<std::string> Lines(const DistributionPicture& picture,
                               TerminalSize size) {
  std::vector<std::string> lines;
  for (const std::string& line : DistributionTree(picture, size)) {
    lines.emplace_back(Truncate(line, size.columns));
  }
  return lines;
}

// From the line below `lines` lines over all of them, writing but one.
std::string WriteOne(size_t lines, size_t at, const std::string& line) {
  return absl::StrCat("\x1b[", lines, "A\r", std::string(at, '\n'), line,
                      "\x1b[K", std::string(lines - at, '\n'));
}

TEST(RedrawnTreeTest, WritesOneLineOf200WhereOneNodeHasGoneOn) {
  DistributionPicture picture = Picture();
  const std::vector<std::string> before = Lines(picture, kLarge);
  ASSERT_EQ(before.size(), kLinesBefore + kNodes);
  constexpr size_t kNode = 77;
  picture.deliveries[kNode].set_bytes_received(410 << 20);
  const std::vector<std::string> after = Lines(picture, kLarge);
  const size_t at = kLinesBefore + kNode;
  EXPECT_THAT(after[at], HasSubstr("n077"));
  const std::string written = Redraw(before, after, kLarge.columns);
  EXPECT_EQ(written, WriteOne(before.size(), at, after[at]));
  // Besides that line, a line feed for each.
  EXPECT_LT(written.size(), after[at].size() + after.size() + 16);
  EXPECT_GT(Redraw({}, after, kLarge.columns).size(), 40 * written.size());
}

TEST(RedrawnTreeTest, WritesNoTextWhereNothingHasChanged) {
  const std::vector<std::string> lines = Lines(Picture(), kLarge);
  EXPECT_EQ(Redraw(lines, lines, kLarge.columns),
            absl::StrCat("\x1b[", lines.size(), "A\r",
                         std::string(lines.size(), '\n')));
}

TEST(RedrawnTreeTest, WritesTheSumAloneWhereOneThatDoesNotFitHasGoneOn) {
  DistributionPicture picture = Picture();
  const std::vector<std::string> before = Lines(picture, kUsual);
  ASSERT_EQ(before.size(), kUsual.rows - 1);
  picture.deliveries[150].set_state(v1::DELIVERY_STATE_VERIFYING);
  const std::vector<std::string> after = Lines(picture, kUsual);
  ASSERT_NE(after.back(), before.back());
  EXPECT_EQ(Redraw(before, after, kUsual.columns),
            WriteOne(before.size(), before.size() - 1, after.back()));
}

TEST(RedrawnTreeTest, ErasesNoLineThatItDoesNotWriteWhereAllHaveGoneOn) {
  DistributionPicture picture = Picture();
  const std::vector<std::string> before = Lines(picture, kLarge);
  for (v1::Delivery& delivery : picture.deliveries) {
    delivery.set_bytes_received(410 << 20);
  }
  const std::vector<std::string> after = Lines(picture, kLarge);
  const std::string written = Redraw(before, after, kLarge.columns);
  // The head and the source are as they were.
  std::string expected =
      absl::StrCat("\x1b[", before.size(), "A\r", after[0], "\x1b[K\n\n\n");
  for (size_t i = kLinesBefore; i < after.size(); ++i) {
    absl::StrAppend(&expected, after[i], "\x1b[K\n");
  }
  EXPECT_EQ(written, expected);
  // Neither the rest of the screen nor all of it is erased.
  EXPECT_THAT(written, Not(HasSubstr("\x1b[J")));
  EXPECT_THAT(written, Not(HasSubstr("\x1b[2J")));
}

}  // namespace
}  // namespace tcptool
