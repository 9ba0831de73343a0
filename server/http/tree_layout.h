// Where the items of a tree are drawn. A pure function.
#ifndef TCPTOOL_SERVER_HTTP_TREE_LAYOUT_H_
#define TCPTOOL_SERVER_HTTP_TREE_LAYOUT_H_

#include <cstddef>
#include <optional>
#include <vector>

namespace tcptool::server {

struct TreePlace {
  size_t item = 0;
  size_t column = 0;
  // The row of the item that it hangs on, which is above; none: it hangs on
  // none.
  std::optional<size_t> parent_row;
};

// One for each item, row by row from the top. `parents`: the item that each
// item hangs on, if any.
//
// Of what hangs on an item the largest part comes last, below the item itself;
// the others are a column further to the right. So a chain takes one column,
// and a line down from an item crosses no other item; n items take log2(n) + 1
// columns at most. Rings, which there can be where parts of the tree are of
// different moments, are cut somewhere.
std::vector<TreePlace> LayOutTree(std::vector<std::optional<size_t>> parents);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_TREE_LAYOUT_H_
