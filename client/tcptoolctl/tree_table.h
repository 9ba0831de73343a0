// The table of a distribution's tree, made to fit into a terminal. A pure
// function.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_TREE_TABLE_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_TREE_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace tcptool {

// One node. Texts may be empty, and need not be printable.
struct TreeRow {
  size_t indented = 0;  // How many steps.
  std::string node;
  std::string state;
  std::string from;
  std::string rack;
  std::string done;
  std::string rate;
  std::string left;
  std::string moves;
  std::string detail;
};

// The table's head, and a line for each row; without the columns of progress
// where no row has any. In a terminal of so many columns, 60 or more, a node's
// state and progress are to be seen beside names of any length: names are made
// shorter, and if that is not enough, there is no column for racks, then for
// moves, then for parents. The detail, which is last, has what room is left,
// and makes lines wider.
std::vector<std::string> TreeTable(std::vector<TreeRow> rows, size_t columns);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_TREE_TABLE_H_
