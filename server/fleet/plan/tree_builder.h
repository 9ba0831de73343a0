// Hangs up what has no parent.
#ifndef TCPTOOL_SERVER_FLEET_PLAN_TREE_BUILDER_H_
#define TCPTOOL_SERVER_FLEET_PLAN_TREE_BUILDER_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "server/fleet/plan/fleet_view.h"

namespace tcptool::fleet {

// A tree over the nodes of a view.
struct BuiltTree {
  std::vector<int> parents;  // kNone of sources.
  std::vector<int> depths;   // 0 of sources.
  std::vector<int> order;    // All nodes, each after its parent.
};

// Places regular nodes first, then late ones, then slow ones, so that none is
// below another of a lower standing. A group is the nodes of a standing in a
// rack. One group after the other is hung up, each below one that is done:
//
// - Nodes whose parent was kept come with it, and so does all below them in the
//   rack.
// - Others go to the nearest node that was above them, or to the node of the
//   rack that has room and is nearest to the source; late and slow ones to the
//   one that has most egress left.
// - Where the rack has no room, the first of the group goes to another rack. It
//   brings room for the next. If a node of another rack has taken that, this
//   node goes; it will find another place, in any rack.
//
// A free place there always is: each node brings at least one and takes one,
// and sources take none.
class TreeBuilder {
 public:
  // `kept`: of KeptParents().
  TreeBuilder(const FleetView& view, std::vector<int> kept);

  BuiltTree Build() &&;

 private:
  struct Group {
    bool exists = false;
    bool done = false;
    int entry = kNone;       // Its node whose kept parent is in another rack.
    int hung = 0;            // How many of it have a way to a source.
    int reserved = kNone;    // A node whose last slot is for another rack.
    std::vector<int> loose;  // Those without a parent.
  };
  // Where a child may be hung, the best place first: slots that nobody uses
  // come before those of children of a lower standing, and those near the
  // source before others. Late and slow nodes begin when their parents have
  // much already, so that what these can send is the limit: they go to whoever
  // has most of it left, and of those to one that has the whole; but rather to
  // one from which they are not too far from the source.
  struct Place {
    bool may_be_gone;
    bool is_too_far;
    bool is_in_use;
    uint64_t taken;  // The share of a child more is so much below all of it.
    bool lacks_some;
    int depth;
    int node;

    auto operator<=>(const Place&) const = default;
  };

  Standing StandingOf(int node) const { return view_.node(node).standing; }
  int RackOf(int node) const { return view_.node(node).rack; }
  bool IsHung(int node) const { return tree_.depths[node] != kNone; }
  int Free(int node) const { return view_.node(node).slots - used_[node]; }
  bool MayFeedRacks(int rack) const;

  // All nodes of one standing.
  void BuildStanding(Standing standing);
  void BeginStanding();
  // Edges into racks that have room themselves. Regular nodes have none: see
  // KeptParents().
  void CutNeedlessEntries();
  void SortIntoGroups();
  void HangGroups();
  // A group that waits for its parent's, which waits for this one: on a ring.
  int GroupOnRing() const;
  void HangGroup(int rack);
  void SortLoose(Group& group);
  void PublishRack(int rack);

  // Where a node without a parent goes.
  int ParentFor(int node);
  int PlaceInRack(Group& group, int rack);
  bool HasRoomFor(int above, int node) const;
  // Takes the parent of a node of another rack, which has not been hung up yet,
  // and returns that parent.
  int Displace(int rack);

  void HangBelow(int node, int parent);
  // Gives a depth to a node whose parent has one, and to what hangs on it in
  // the rack.
  void Hang(int node);
  // The slots of a node change between the two.
  void Close(int node);
  void Open(int node);
  Place PlaceOf(int node) const;

  const FleetView& view_;
  BuiltTree tree_;  // While it is built, parents are those that were kept.
  std::vector<std::vector<int>> kept_children_;
  // Slots that children of this standing and of higher ones use.
  std::vector<int> used_;
  std::vector<int> lower_children_;  // Kept ones, of lower standings.

  // Of the standing that is built.
  Standing standing_ = Standing::kRegular;
  std::vector<Group> groups_;  // By rack.
  std::set<int> ready_;        // Groups that can be hung up now.
  std::set<int> entryless_;    // Those that depend on no other.
  size_t undone_ = 0;
  std::vector<std::set<Place>> open_;  // By rack: who has room.
  std::vector<bool> published_;        // By rack: others may use its room.
  std::set<Place> outlets_;            // What is open in racks that are.
  std::vector<int> racks_fed_;         // By rack, over edges of regular nodes.
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_PLAN_TREE_BUILDER_H_
