#include "server/http/tree_layout.h"

#include <algorithm>
#include <utility>

namespace tcptool::server {
namespace {

// Without recursion: a chain may be as long as there are items.
class Layout {
 public:
  explicit Layout(std::vector<std::optional<size_t>> parents)
      : parents_(std::move(parents)),
        children_(parents_.size()),
        sizes_(parents_.size(), 1) {
    CutRings();
    for (size_t item = 0; item < parents_.size(); ++item) {
      if (parents_[item]) {
        children_[*parents_[item]].push_back(item);
      } else {
        roots_.push_back(item);
      }
    }
    Measure();
    for (std::vector<size_t>& children : children_) {
      std::ranges::stable_sort(children, {},
                               [this](size_t child) { return sizes_[child]; });
    }
  }

  std::vector<TreePlace> Places() const {
    std::vector<TreePlace> places;
    std::vector<TreePlace> next;
    for (auto root = roots_.rbegin(); root != roots_.rend(); ++root) {
      next.push_back({.item = *root});
    }
    while (!next.empty()) {
      const TreePlace place = next.back();
      next.pop_back();
      const size_t row = places.size();
      places.push_back(place);
      const std::vector<size_t>& children = children_[place.item];
      // The last one that is put here comes first.
      for (auto child = children.rbegin(); child != children.rend(); ++child) {
        next.push_back(
            {.item = *child,
             .column = place.column + (child == children.rbegin() ? 0 : 1),
             .parent_row = row});
      }
    }
    return places;
  }

 private:
  void CutRings() {
    // From which item on each was come to; 0: not yet.
    std::vector<size_t> walked(parents_.size(), 0);
    for (size_t item = 0; item < parents_.size(); ++item) {
      size_t at = item;
      while (walked[at] == 0 && parents_[at]) {
        walked[at] = item + 1;
        at = *parents_[at];
      }
      if (walked[at] == item + 1) parents_[at].reset();
    }
  }

  void Measure() {
    std::vector<size_t> order = roots_;  // Parents before children.
    for (size_t i = 0; i < order.size(); ++i) {
      const std::vector<size_t>& children = children_[order[i]];
      order.insert(order.end(), children.begin(), children.end());
    }
    for (auto item = order.rbegin(); item != order.rend(); ++item) {
      if (parents_[*item]) sizes_[*parents_[*item]] += sizes_[*item];
    }
  }

  std::vector<std::optional<size_t>> parents_;
  std::vector<size_t> roots_;
  std::vector<std::vector<size_t>> children_;
  std::vector<size_t> sizes_;  // Of an item with all that hangs on it.
};

}  // namespace

std::vector<TreePlace> LayOutTree(std::vector<std::optional<size_t>> parents) {
  return Layout(std::move(parents)).Places();
}

}  // namespace tcptool::server
