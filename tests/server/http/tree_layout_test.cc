#include "server/http/tree_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>

namespace tcptool::server {
namespace {

using Parents = std::vector<std::optional<size_t>>;

// The items from the top, each indented by its column.
std::vector<std::pair<size_t, size_t>> Rows(const Parents& parents) {
  std::vector<std::pair<size_t, size_t>> rows;
  for (const TreePlace& place : LayOutTree(parents)) {
    rows.emplace_back(place.item, place.column);
  }
  return rows;
}

using Wanted = std::vector<std::pair<size_t, size_t>>;

TEST(TreeLayoutTest, AChainTakesOneColumn) {
  EXPECT_EQ(Rows({std::nullopt, 0, 1, 2}),
            Wanted({{0, 0}, {1, 0}, {2, 0}, {3, 0}}));
}

TEST(TreeLayoutTest, TheLargestPartComesLastBelowItsParent) {
  // 1 has two behind it, 2 one, and 3 none.
  EXPECT_EQ(Rows({std::nullopt, 0, 0, 0, 1, 4, 2}),
            Wanted({{0, 0}, {3, 1}, {2, 1}, {6, 1}, {1, 0}, {4, 0}, {5, 0}}));
}

TEST(TreeLayoutTest, ThereMayBeSeveralTrees) {
  EXPECT_EQ(Rows({std::nullopt, std::nullopt, 1}),
            Wanted({{0, 0}, {1, 0}, {2, 0}}));
  EXPECT_EQ(Rows({}), Wanted());
}

TEST(TreeLayoutTest, ARingIsCut) {
  // 0, 1 and 2 are a ring; 3 hangs on it, and 4 on itself.
  const auto places = LayOutTree({2, 0, 1, 1, 4});
  ASSERT_EQ(places.size(), 5U);
  EXPECT_EQ(
      std::ranges::count_if(
          places, [](const TreePlace& place) { return !place.parent_row; }),
      2);
}

// Whatever the tree: each item once, below its parent, in few columns, and
// nothing in the way of a line down.
TEST(TreeLayoutTest, RandomTreesAreDrawnWithoutCrossings) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    const size_t size = 1 + random() % 300;
    // How far back a parent may be: chains, bushes and all between.
    const size_t reach = 1 + random() % size;
    Parents parents = {std::nullopt};
    while (parents.size() < size) {
      const size_t item = parents.size();
      parents.emplace_back(item - 1 - random() % std::min(item, reach));
    }
    const std::vector<TreePlace> places = LayOutTree(parents);
    std::set<size_t> items;
    size_t columns = 0;
    for (size_t row = 0; row < places.size(); ++row) {
      const TreePlace& place = places[row];
      items.insert(place.item);
      columns = std::max(columns, place.column + 1);
      ASSERT_EQ(place.parent_row.has_value(), parents[place.item].has_value());
      if (!place.parent_row) continue;
      const TreePlace& parent = places[*place.parent_row];
      ASSERT_EQ(parent.item, *parents[place.item]);
      for (size_t between = *place.parent_row + 1; between < row; ++between) {
        ASSERT_GT(places[between].column, parent.column);
      }
      ASSERT_LE(place.column, parent.column + 1);
    }
    ASSERT_EQ(items.size(), size);
    ASSERT_LE(size_t{1} << (columns - 1), size);
  }
}

TEST(TreeLayoutTest, TakesTenThousandInAChain) {
  Parents parents = {std::nullopt};
  while (parents.size() < 10'000) parents.emplace_back(parents.size() - 1);
  const auto places = LayOutTree(parents);
  ASSERT_EQ(places.size(), 10'000U);
  EXPECT_EQ(places.back().item, 9'999U);
  EXPECT_EQ(places.back().column, 0U);
}

}  // namespace
}  // namespace tcptool::server
