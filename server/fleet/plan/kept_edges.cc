#include "server/fleet/plan/kept_edges.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tcptool::fleet {
namespace {

class KeptEdges {
 public:
  explicit KeptEdges(const FleetView& view)
      : view_(view), parents_(view.size(), kNone), below_(view.size(), 1) {}

  std::vector<int> Choose() && {
    for (int i = 0; i < view_.size(); ++i) {
      const FleetView::Node& node = view_.node(i);
      const int parent = node.was_below;
      if (parent == kNone || view_.is_source(i) || node.given->is_displaced ||
          view_.node(parent).given->is_displaced) {
        continue;
      }
      if (view_.node(parent).standing <= node.standing) parents_[i] = parent;
    }
    CutRings();
    CountBelow();
    LimitEdgesIntoRacks();
    LimitChildren();
    LimitEdgesOutOfRacks();
    return std::move(parents_);
  }

 private:
  bool CrossesRacks(int child) const {
    return view_.node(child).rack != view_.node(parents_[child]).rack;
  }
  bool IsWithinStanding(int child) const {
    return view_.node(child).standing == view_.node(parents_[child]).standing;
  }

  // Walks up from each node until one that has been seen. If that was on this
  // walk, it is on a ring.
  void CutRings() {
    std::vector<int> seen_from(view_.size(), kNone);
    for (int i = 0; i < view_.size(); ++i) {
      int node = i;
      while (node != kNone && seen_from[node] == kNone) {
        seen_from[node] = i;
        node = parents_[node];
      }
      if (node != kNone && seen_from[node] == i) parents_[node] = kNone;
    }
  }

  // Children before their parents: walks up from each leaf for as long as it
  // comes from a node's last child.
  void CountBelow() {
    std::vector<int> children(view_.size(), 0);
    for (const int parent : parents_) {
      if (parent != kNone) ++children[parent];
    }
    const std::vector<int> all_children = children;
    for (int leaf = 0; leaf < view_.size(); ++leaf) {
      if (all_children[leaf] != 0) continue;
      for (int node = leaf, parent = parents_[node]; parent != kNone;
           node = parent, parent = parents_[node]) {
        below_[parent] += below_[node];
        if (--children[parent] != 0) break;
      }
    }
  }

  void LimitEdgesIntoRacks() {
    constexpr size_t kStandings = 3;
    std::vector<int> entries(view_.racks().size() * kStandings, kNone);
    for (int i = 0; i < view_.size(); ++i) {
      if (parents_[i] == kNone || !CrossesRacks(i)) continue;
      const FleetView::Node& node = view_.node(i);
      int& entry =
          entries[node.rack * kStandings + static_cast<size_t>(node.standing)];
      const bool is_fed_within = node.standing == Standing::kRegular &&
                                 view_.racks()[node.rack].has_source;
      if (is_fed_within || (entry != kNone && below_[i] <= below_[entry])) {
        parents_[i] = kNone;
        continue;
      }
      if (entry != kNone) parents_[entry] = kNone;
      entry = i;
    }
  }

  // Those within the rack stay first: others find a parent in any rack.
  void LimitChildren() {
    std::vector<std::vector<int>> children(view_.size());
    for (int i = 0; i < view_.size(); ++i) {
      if (parents_[i] != kNone && IsWithinStanding(i)) {
        children[parents_[i]].push_back(i);
      }
    }
    for (int i = 0; i < view_.size(); ++i) {
      KeepFirst(children[i], view_.node(i).slots);
    }
  }

  void LimitEdgesOutOfRacks() {
    std::vector<std::vector<int>> leaving(view_.racks().size());
    for (int i = 0; i < view_.size(); ++i) {
      if (parents_[i] != kNone && CrossesRacks(i) &&
          view_.node(i).standing == Standing::kRegular) {
        leaving[view_.node(parents_[i]).rack].push_back(i);
      }
    }
    for (std::vector<int>& edges : leaving) {
      KeepFirst(edges, view_.racks_fed_by_rack());
    }
  }

  void KeepFirst(std::vector<int>& children, int limit) {
    if (static_cast<int>(children.size()) <= limit) return;
    std::sort(children.begin(), children.end(), [this](int a, int b) {
      return std::tuple(CrossesRacks(a), below_[b], a) <
             std::tuple(CrossesRacks(b), below_[a], b);
    });
    for (size_t i = limit; i < children.size(); ++i) {
      parents_[children[i]] = kNone;
    }
  }

  const FleetView& view_;
  std::vector<int> parents_;
  std::vector<int> below_;  // How many nodes hang on each, with itself.
};

}  // namespace

std::vector<int> KeptParents(const FleetView& view) {
  return KeptEdges(view).Choose();
}

}  // namespace tcptool::fleet
