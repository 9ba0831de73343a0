// The tree of a distribution: which node sends the content to which.
//
// The coordinator calls PlanTree() when a distribution begins, and again
// whenever the fleet has changed: a node came, died, has the whole, or was
// found to be slow. It writes the edges that differ to etcd. A node's follower
// obeys its own edge: it fetches from `parent`, and from `fallbacks` while that
// fails.
#ifndef TCPTOOL_SERVER_FLEET_PLAN_PLAN_H_
#define TCPTOOL_SERVER_FLEET_PLAN_PLAN_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace tcptool::fleet {

// A node never gets the content from one whose standing is below its own.
enum class Standing {
  kRegular,
  // Joined, or lost its place, while others had part of the content already.
  kLate,
  kSlow,  // Takes the content more slowly than the distribution is to go.
};

struct PlanNode {
  std::string name;  // No two are the same.
  std::string rack;  // Nodes of one rack are near each other.
  // Bytes a second that it may send for this distribution; 0: as much as its
  // link takes, which is then the limit.
  uint64_t egress = 0;
  // Bytes a second at which it takes content; 0: not known.
  uint64_t rate = 0;
  Standing standing = Standing::kRegular;
  // Has the whole content, verified: a source, and in need of no parent.
  bool has_all = false;
  // Its place in the current tree is another's: neither its edge nor those of
  // its children are kept, and it is hung up after all others of its standing
  // in its rack. Of one that is late or slow.
  bool is_displaced = false;
  // No other is hung below it while anybody else has room. Of one that is late
  // or slow.
  bool may_be_gone = false;
};

struct PlanPolicy {
  uint64_t size = 0;  // Of the content, in bytes; 0: not known yet.
  // Bytes a second that each node is to get: a node sends to as many others as
  // its egress has room for at this rate. 10 Gbit/s. At least 1.
  uint64_t target_rate = 1'250'000'000;
  // From a byte's arrival at a node until it is sent on.
  std::chrono::nanoseconds hop_delay = std::chrono::microseconds(150);
  int max_children = 16;  // Of a node, whatever its egress. At least 1.
  // How many other racks are fed from one, as its uplink carries a copy for
  // each. At least 1.
  int racks_fed_by_rack = 1;
  // How many nodes a content goes through on its way to any regular one, where
  // `max_children` allows that: a node does not take it through more than 1,024
  // (docs/wire-protocol.md, "Between nodes"), and some room is left for late
  // and slow nodes, which are farther away where nobody nearer has room. At
  // least 1.
  int max_hops = 1'000;
};

// Of a node. One that has fewer has as one of them each source that is not
// slow, its parent aside.
inline constexpr size_t kMostFallbacks = 3;

// How a node gets the content.
struct PlanEdge {
  std::string node;
  std::string parent;
  // At most kMostFallbacks, the best first: the parent's parent, the first node
  // of the rack, the source. Each is above the node or has all, so that no two
  // nodes fall back on each other.
  std::vector<std::string> fallbacks;
  // Bytes a second that the parent sends to it at most; 0: no limit. Those of a
  // parent's children together are at most its egress.
  uint64_t cap = 0;
};

struct Tree {
  // To how many others a node sends although its link has room for fewer. More
  // than 1 where a chain through so many nodes would take longer, or be longer
  // than it may be. It stays while there are edges and no regular node is too
  // far from a source, as another number would move most nodes.
  int branching = 1;
  // One for each node that has not the whole; by the names of the nodes.
  std::vector<PlanEdge> edges;
};

// Plans a tree in which every node is below one that has all. Depends on
// nothing but its arguments, and not on the order of `nodes`. Takes O(n log n).
//
// - Regular nodes of a rack get the content over one edge from outside, or none
//   if one of them has all. Late nodes, and slow ones, get it within the rack
//   if somebody there has room; else over one more edge for all of them.
// - Faster nodes and racks are nearer to the source.
// - `current` is the tree that is there; empty: none. Its edges may name nodes
//   that are gone, be out of date, or contradict each other. Those that fit are
//   kept; a node whose parent is gone goes to the nearest one above that has
//   room. A late node takes nobody's place, and nor does a regular one while
//   there is room.
// - Late nodes, and slow ones, go to those with most egress left for a child
//   more, so that they do not share one's while another has nobody to send to;
//   where that is equal, to one that has all. Those at PlanPolicy.max_hops come
//   last.
//
// INVALID_ARGUMENT: a name twice, or a number that is out of range.
// FAILED_PRECONDITION: no node has all.
absl::StatusOr<Tree> PlanTree(const std::vector<PlanNode>& nodes,
                              const PlanPolicy& policy, const Tree& current);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_PLAN_PLAN_H_
