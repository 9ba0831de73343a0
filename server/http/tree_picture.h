// A tree as an SVG in a page.
#ifndef TCPTOOL_SERVER_HTTP_TREE_PICTURE_H_
#define TCPTOOL_SERVER_HTTP_TREE_PICTURE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tcptool::server {

// Texts are plain, and may be whatever somebody has written.
struct TreeItem {
  std::string name;
  std::string facts;   // "receiving, rack r1"
  std::string alarms;  // "slow, moved"; not empty: it is to be looked at.
  // Its colour and sign: "source", or the state of a delivery in lower case.
  std::string look;
  std::optional<size_t> parent;  // Where in the items.
  bool has_moved = false;        // Its line is dashed.
};

// An item a row, as LayOutTree() has them, with its words beside its sign, so
// that nothing is told by colours alone. `title` and `description` are what
// screen readers have of it: a table beside it is to say the same as the items.
std::string TreePicture(absl::string_view title, absl::string_view description,
                        const std::vector<TreeItem>& items);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_TREE_PICTURE_H_
