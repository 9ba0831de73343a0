#include "server/fleet/plan/tree_builder.h"

#include <algorithm>
#include <iterator>

namespace tcptool::fleet {

TreeBuilder::TreeBuilder(const FleetView& view, std::vector<int> kept)
    : view_(view),
      kept_children_(view.size()),
      used_(view.size(), 0),
      racks_fed_(view.racks().size(), 0) {
  tree_.parents = std::move(kept);
  tree_.depths.assign(view.size(), kNone);
  tree_.order.reserve(view.size());
  for (int i = 0; i < view.size(); ++i) {
    const int parent = tree_.parents[i];
    if (parent == kNone) continue;
    kept_children_[parent].push_back(i);
    // Those of a lower standing are counted when their turn comes.
    if (StandingOf(i) == StandingOf(parent)) ++used_[parent];
    if (StandingOf(i) == Standing::kRegular && RackOf(i) != RackOf(parent)) {
      ++racks_fed_[RackOf(parent)];
    }
  }
}

BuiltTree TreeBuilder::Build() && {
  for (const Standing standing :
       {Standing::kRegular, Standing::kLate, Standing::kSlow}) {
    standing_ = standing;
    BeginStanding();
    SortIntoGroups();
    HangGroups();
  }
  return std::move(tree_);
}

void TreeBuilder::BeginStanding() {
  const size_t racks = view_.racks().size();
  groups_.assign(racks, {});
  open_.assign(racks, {});
  published_.assign(racks, false);
  outlets_.clear();
  lower_children_.assign(view_.size(), 0);
  for (int i = 0; i < view_.size(); ++i) {
    const int parent = tree_.parents[i];
    if (parent != kNone && StandingOf(i) > standing_) ++lower_children_[parent];
    if (StandingOf(i) == standing_) groups_[RackOf(i)].exists = true;
  }
  for (int i = 0; i < view_.size(); ++i) {
    if (IsHung(i)) Open(i);
  }
}

void TreeBuilder::CutNeedlessEntries() {
  for (bool has_cut = true; has_cut;) {
    has_cut = false;
    for (int i = 0; i < view_.size(); ++i) {
      int& parent = tree_.parents[i];
      if (StandingOf(i) != standing_ || parent == kNone ||
          RackOf(parent) == RackOf(i) || open_[RackOf(i)].empty()) {
        continue;
      }
      if (StandingOf(parent) == standing_) {
        Close(parent);
        --used_[parent];
        Open(parent);
        has_cut = true;
      }
      parent = kNone;
    }
  }
}

void TreeBuilder::SortIntoGroups() {
  for (int i = 0; i < view_.size(); ++i) {
    if (StandingOf(i) == standing_ && view_.is_source(i)) Hang(i);
  }
  CutNeedlessEntries();
  for (int i = 0; i < view_.size(); ++i) {
    if (StandingOf(i) != standing_ || view_.is_source(i)) continue;
    Group& group = groups_[RackOf(i)];
    int& parent = tree_.parents[i];
    const bool is_below_higher =
        parent != kNone && StandingOf(parent) != standing_;
    if (is_below_higher && Free(parent) > 0) {
      Close(parent);
      ++used_[parent];
      Open(parent);
      Hang(i);
    } else if (is_below_higher || parent == kNone) {
      parent = kNone;
      group.loose.push_back(i);
    } else if (RackOf(parent) != RackOf(i)) {
      group.entry = i;
    }
  }
}

void TreeBuilder::HangGroups() {
  ready_.clear();
  entryless_.clear();
  undone_ = 0;
  const int racks = static_cast<int>(groups_.size());
  for (int rack = 0; rack < racks; ++rack) {
    const Group& group = groups_[rack];
    if (!group.exists) {
      PublishRack(rack);
      continue;
    }
    ++undone_;
    if (group.entry != kNone) continue;
    const bool has_place = group.hung > 0 || !open_[rack].empty();
    (has_place ? ready_ : entryless_).insert(rack);
  }
  while (undone_ > 0) {
    std::set<int>& next = ready_.empty() ? entryless_ : ready_;
    if (next.empty()) {
      // Groups whose kept edges form a ring.
      const int rack = GroupOnRing();
      const int entry = std::exchange(groups_[rack].entry, kNone);
      int& parent = tree_.parents[entry];
      --used_[parent];
      if (standing_ == Standing::kRegular) --racks_fed_[RackOf(parent)];
      parent = kNone;
      groups_[rack].loose.push_back(entry);
      next.insert(rack);
    }
    const int rack = *next.begin();
    next.erase(next.begin());
    HangGroup(rack);
    --undone_;
  }
}

int TreeBuilder::GroupOnRing() const {
  int rack = 0;
  while (!groups_[rack].exists || groups_[rack].done) ++rack;
  // Up, until it cannot but be on the ring.
  for (size_t i = 0; i < groups_.size(); ++i) {
    rack = RackOf(tree_.parents[groups_[rack].entry]);
  }
  return rack;
}

void TreeBuilder::HangGroup(int rack) {
  Group& group = groups_[rack];
  if (group.entry != kNone) Hang(group.entry);
  SortLoose(group);
  for (const int node : group.loose) HangBelow(node, ParentFor(node));
  group.done = true;
  PublishRack(rack);
  for (const int node : view_.racks()[rack].nodes) {
    if (StandingOf(node) != standing_) continue;
    for (const int child : kept_children_[node]) {
      if (tree_.parents[child] == node && StandingOf(child) == standing_ &&
          RackOf(child) != rack) {
        ready_.insert(RackOf(child));
      }
    }
  }
}

// First what brings room for the next; of these first what has most nodes, as
// it is hung near the source. The place of one that is displaced is for others
// first.
void TreeBuilder::SortLoose(Group& group) {
  using Ranked = std::tuple<bool, bool, int, int>;
  std::vector<Ranked> ranked;
  std::vector<int> nodes;
  for (const int top : group.loose) {
    nodes.assign(1, top);
    int room = 0;
    for (size_t i = 0; i < nodes.size(); ++i) {
      room += Free(nodes[i]);
      for (const int child : kept_children_[nodes[i]]) {
        if (tree_.parents[child] == nodes[i] &&
            StandingOf(child) == standing_ && RackOf(child) == RackOf(top)) {
          nodes.push_back(child);
        }
      }
    }
    ranked.emplace_back(room == 0, view_.node(top).given->is_displaced,
                        -static_cast<int>(nodes.size()), top);
  }
  std::sort(ranked.begin(), ranked.end());
  for (size_t i = 0; i < ranked.size(); ++i) {
    group.loose[i] = std::get<3>(ranked[i]);
  }
}

bool TreeBuilder::MayFeedRacks(int rack) const {
  return standing_ != Standing::kRegular ||
         racks_fed_[rack] < view_.racks_fed_by_rack();
}

void TreeBuilder::PublishRack(int rack) {
  if (!MayFeedRacks(rack)) return;
  published_[rack] = true;
  outlets_.insert(open_[rack].begin(), open_[rack].end());
}

int TreeBuilder::ParentFor(int node) {
  const int rack = RackOf(node);
  const int near = view_.NearestAbove(node);
  if (near != kNone && RackOf(near) == rack && HasRoomFor(near, node)) {
    return near;
  }
  Group& group = groups_[rack];
  if (!open_[rack].empty()) return PlaceInRack(group, rack);
  if (group.hung > 0) return Displace(rack);
  const int parent =
      near != kNone && published_[RackOf(near)] && HasRoomFor(near, node)
          ? near
          : outlets_.begin()->node;
  if (standing_ == Standing::kRegular &&
      ++racks_fed_[RackOf(parent)] == view_.racks_fed_by_rack()) {
    published_[RackOf(parent)] = false;
    for (const Place& place : open_[RackOf(parent)]) outlets_.erase(place);
  }
  return parent;
}

// Where the first node of a rack has room for more than one, the next rack
// hangs on it: racks then form a chain of their first nodes.
int TreeBuilder::PlaceInRack(Group& group, int rack) {
  auto place = open_[rack].begin();
  const int first = place->node;
  if (group.reserved == kNone && standing_ == Standing::kRegular &&
      !entryless_.empty() && MayFeedRacks(rack) &&
      view_.node(first).slots > 1) {
    group.reserved = first;
  }
  if (first == group.reserved && Free(first) == 1 &&
      std::next(place) != open_[rack].end()) {
    ++place;
  }
  return place->node;
}

// Without taking a place from another node than the one that has come between
// the two.
bool TreeBuilder::HasRoomFor(int above, int node) const {
  if (!IsHung(above) || Free(above) <= 0) return false;
  const int between = view_.node(node).was_below;
  return Free(above) > lower_children_[above] ||
         (between != kNone && tree_.parents[between] == above);
}

int TreeBuilder::Displace(int rack) {
  for (const int node : view_.racks()[rack].nodes) {
    if (StandingOf(node) != standing_ || !IsHung(node)) continue;
    for (const int child : kept_children_[node]) {
      if (tree_.parents[child] != node || StandingOf(child) != standing_ ||
          RackOf(child) == rack) {
        continue;
      }
      tree_.parents[child] = kNone;
      --used_[node];
      Open(node);
      if (standing_ == Standing::kRegular) --racks_fed_[rack];
      Group& group = groups_[RackOf(child)];
      group.entry = kNone;
      group.loose.push_back(child);
      entryless_.insert(RackOf(child));
      return node;
    }
  }
  return kNone;  // Not reached: see the class.
}

void TreeBuilder::HangBelow(int node, int parent) {
  Close(parent);
  ++used_[parent];
  tree_.parents[node] = parent;
  Open(parent);
  Hang(node);
}

void TreeBuilder::Hang(int node) {
  std::vector<int> above = {node};
  while (!above.empty()) {
    const int next = above.back();
    above.pop_back();
    const int parent = tree_.parents[next];
    tree_.depths[next] = parent == kNone ? 0 : tree_.depths[parent] + 1;
    tree_.order.push_back(next);
    ++groups_[RackOf(next)].hung;
    Open(next);
    for (const int child : kept_children_[next]) {
      if (tree_.parents[child] == next && StandingOf(child) == standing_ &&
          RackOf(child) == RackOf(node)) {
        above.push_back(child);
      }
    }
  }
}

TreeBuilder::Place TreeBuilder::PlaceOf(int node) const {
  const FleetView::Node& parent = view_.node(node);
  Place place = {.may_be_gone = parent.given->may_be_gone,
                 .is_too_far = false,
                 .is_in_use = Free(node) <= lower_children_[node],
                 .taken = 0,
                 .lacks_some = false,
                 .depth = tree_.depths[node],
                 .node = node};
  if (standing_ != Standing::kRegular) {
    const int children = used_[node] + lower_children_[node];
    place.taken = ~(parent.egress / (children + 1));
    place.lacks_some = !view_.is_source(node);
    place.is_too_far = tree_.depths[node] >= view_.max_hops();
  }
  return place;
}

void TreeBuilder::Close(int node) {
  const int rack = RackOf(node);
  open_[rack].erase(PlaceOf(node));
  outlets_.erase(PlaceOf(node));
}

void TreeBuilder::Open(int node) {
  if (!IsHung(node) || Free(node) <= 0) return;
  const int rack = RackOf(node);
  open_[rack].insert(PlaceOf(node));
  if (published_[rack]) outlets_.insert(PlaceOf(node));
}

}  // namespace tcptool::fleet
